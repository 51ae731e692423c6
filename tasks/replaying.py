"""Carries out a replay run: selects, replays and notes it batch by batch, so that it can be stopped anywhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from tasks.listing import Listing
from tasks.replay import Refused, Replays, Requeued, Result, Why
from tasks.replay_plan import Facts, Plans, read_facts
from tasks.replay_runs import Run, Runs
from tasks.wanted import Cursor, Wanted, moment
from trunkline_client import keys

#: jobs in one round trip: each takes Redis about 0.2 ms, with others served in between.
BATCH: Final = 200
#: at a rate, a second is cut into so many batches.
_BATCHES_A_SECOND: Final = 5


@dataclass(frozen=True, slots=True)
class Selected:
    """Some jobs of a selection, and where it goes on; None at its end."""

    ids: tuple[str, ...]
    cursor: str | None


class Selection(Protocol):
    """Which jobs to replay, some at a time."""

    async def after(self, cursor: str, most: int) -> Selected:
        """Return at most so many jobs after a cursor; "" begins with the first."""


class ByIds:
    """Jobs that were named."""

    def __init__(self, ids: Sequence[str]) -> None:
        self._ids = ids

    async def after(self, cursor: str, most: int) -> Selected:
        """Return at most so many jobs after a cursor; "" begins with the first."""
        first = int(cursor or 0)
        last = first + most
        return Selected(tuple(self._ids[first:last]), str(last) if last < len(self._ids) else None)


class ByKeptIds:
    """Jobs that were named when their run began."""

    def __init__(self, redis: Redis, run: Run) -> None:
        self._redis, self._run = redis, run

    async def after(self, cursor: str, most: int) -> Selected:
        """Return at most so many jobs after a cursor; "" begins with the first."""
        first = int(cursor or 0)
        last = first + most
        ids = cast("list[str]", await self._redis.lrange(keys.replay_ids(self._run.id), first, last - 1))
        return Selected(tuple(ids), str(last) if last < self._run.given else None)


class ByFilter:
    """The wanted jobs, newest first."""

    def __init__(self, redis: Redis, wanted: Wanted) -> None:
        self._listing = Listing(redis)
        self._wanted = wanted

    async def after(self, cursor: str, most: int) -> Selected:
        """Return at most so many jobs after a cursor; "" begins with the first."""
        after = Cursor.parse(cursor) if cursor else None
        page = await self._listing.page(self._wanted, after=after, limit=most)
        return Selected(tuple(job.id for job in page.jobs), str(page.cursor) if page.cursor else None)


class Pace:
    """Keeps a number of jobs per second."""

    def __init__(
        self, rate: int | None, *, monotonic: Callable[[], float], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        """Begin now.

        Args:
            rate: jobs per second, None for no limit.
            monotonic: the clock, in seconds.
            sleep: waits for some seconds.
        """
        self._rate, self._monotonic, self._sleep = rate, monotonic, sleep
        self._began_at, self._done = monotonic(), 0

    @property
    def at_once(self) -> int:
        """How many jobs to take at once."""
        return BATCH if self._rate is None else max(1, min(BATCH, self._rate // _BATCHES_A_SECOND))

    async def after(self, jobs: int) -> None:
        """Wait as long as these jobs, and all before them, were to take."""
        self._done += jobs
        if self._rate is not None:
            left = self._began_at + self._done / self._rate - self._monotonic()
            if left > 0:
                await self._sleep(left)


class Replaying:
    """Carries out runs, for one process."""

    def __init__(self, redis: Redis, runs: Runs, pace: Pace) -> None:
        self._redis, self._runs, self._pace = redis, runs, pace

    async def carry_out(self, run: Run, tell: Callable[[Run, Sequence[Result]], None]) -> Run:
        """Replay what is left of a run, tell of each batch, and return it at its end.

        Before a batch is replayed it is noted, so what was in hand when a process died is replayed by the next one
        again: that changes nothing, and is counted once.

        Raises:
            RunTaken: another process carries it out now.
        """
        replays = Replays(self._redis, actor=run.actor, run=run.id, is_audited=run.tells_of_each_job)
        plans = Plans(self._redis, run.terms.via)
        selection = _selection(self._redis, run)
        cursor: str | None = None if _is_done(run) else run.cursor
        while run.batch or cursor is not None:
            results = await _replay(self._redis, replays, plans, run)
            run = replace(run, batch=(), counts=run.counts.plus(results))
            tell(run, results)
            await self._pace.after(sum(isinstance(one, Requeued) for one in results))
            if cursor is not None and not _is_done(run):
                selected = await selection.after(cursor, min(self._pace.at_once, _room(run)))
                cursor = selected.cursor
                run = replace(run, batch=selected.ids, cursor=_END if cursor is None else cursor)
            else:
                cursor = None
            await self._runs.note(replace(run, is_over=not run.batch and cursor is None))
        return replace(run, is_over=True)


#: the cursor of a run that has selected everything.
_END: Final = "end"


def _room(run: Run) -> int:
    """Return how many jobs it may still select."""
    return BATCH if run.limit is None else max(0, run.limit - run.counts.selected - len(run.batch))


def _is_done(run: Run) -> bool:
    return run.is_over or run.cursor == _END or not _room(run)


def _selection(redis: Redis, run: Run) -> Selection:
    if run.wanted is None:
        return ByKeptIds(redis, run)
    return ByFilter(redis, bounded(run.wanted, run.began_ms))


def bounded(wanted: Wanted, began_ms: int) -> Wanted:
    """Return which jobs a run takes that began then: those that were created later are not in it."""
    began = moment(began_ms)
    return replace(wanted, until=began if wanted.until is None else min(wanted.until, began))


async def _replay(redis: Redis, replays: Replays, plans: Plans, run: Run) -> list[Result]:
    if not run.batch:
        return []
    refused: dict[str, Result] = {}
    if run.terms.via is not None:
        facts = await read_facts(redis, run.batch)
        # What this run has replayed before it was interrupted is done, whatever became of the sender.
        refused = await refused_by_sender(plans, [one for one in facts if run.id not in one.runs], run.terms.via)
    taken = [job_id for job_id in run.batch if job_id not in refused]
    done = dict(zip(taken, await replays.replay(taken, run.terms) if taken else (), strict=True))
    return [refused.get(job_id) or known(job_id, done[job_id]) for job_id in run.batch]


async def refused_by_sender(plans: Plans, facts: Sequence[Facts], via: str | None) -> dict[str, Result]:
    """Return the jobs whose tenant cannot send them over the one sender `via`; None refuses none."""
    if via is None:
        return {}
    why_not = [(one.id, await plans.why_not_via(one)) for one in facts if one.is_there]
    return {job_id: Refused(job_id, Why.NO_SUCH_SENDER, f"{via} ({why})") for job_id, why in why_not if why}


def known(job_id: str, result: Result | Exception) -> Result:
    """Return the result, or that the record is damaged if that is what Redis says.

    Raises:
        RedisError: it says something else, which is no matter of this job.
    """
    if not isinstance(result, Exception):
        return result
    if type(result) is ResponseError:  # its subclasses tell of the server
        return Refused(job_id, Why.DAMAGED)
    raise result
