"""Follows the jobs that a replay run has requeued to their outcomes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from trunkline_client import keys
from trunkline_client.words import JobState

#: how many jobs are looked at, and kept in memory, at a time.
_WINDOW: Final = 1000
_PAUSE_S: Final = 0.5
#: of a job whose record is gone.
GONE: Final = "gone"
#: of one whose record cannot be read.
DAMAGED: Final = "damaged"

_STATES: Final = frozenset(state.value for state in JobState)
_SENT: Final = frozenset({JobState.SENT, JobState.DELIVERED, JobState.UNDELIVERED})


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What has become of a run's jobs so far.

    Attributes:
        jobs: how many there are.
        by_state: how many have come to an end, or are held, by that state.
    """

    jobs: int
    by_state: dict[str, int]

    @property
    def known(self) -> int:
        """How many have come to an end, or are held."""
        return sum(self.by_state.values())

    @property
    def are_all_sent(self) -> bool:
        """Whether every job was sent."""
        return sum(self.by_state.get(state, 0) for state in _SENT) == self.jobs


async def follow(
    redis: Redis, run_id: str, *, sleep: Callable[[float], Awaitable[None]], tell: Callable[[Outcomes], None]
) -> Outcomes:
    """Return what became of the jobs of a run once all have ended or are held, and tell how far they are meanwhile.

    Nothing is changed, so it may be stopped and begun again at any time.

    Args:
        redis: a client whose answers are text.
        run_id: a run that is over.
        sleep: waits for some seconds.
        tell: is called whenever more is known.
    """
    name = keys.replayed(run_id)
    jobs, taken = int(await redis.llen(name)), 0
    waiting: list[str] = []
    found: Counter[str] = Counter()
    while waiting or taken < jobs:
        more: list[str] = []
        if len(waiting) < _WINDOW:
            more = cast("list[str]", await redis.lrange(name, taken, taken + _WINDOW - len(waiting) - 1))
        taken += len(more)
        if not more and not waiting:
            break  # the list of an old run is gone
        waiting += more
        states = await _states(redis, waiting)
        ended = {job_id: state for job_id, state in states.items() if _has_outcome(state)}
        found.update(ended.values())
        waiting = [job_id for job_id in waiting if job_id not in ended]
        tell(Outcomes(jobs, dict(found)))
        if not ended:
            await sleep(_PAUSE_S)
    return Outcomes(jobs, dict(found))


async def _states(redis: Redis, ids: list[str]) -> dict[str, str]:
    pipeline = redis.pipeline(transaction=False)
    for job_id in ids:
        pipeline.hget(keys.job(job_id), "state")
    answers = await pipeline.execute(raise_on_error=False)
    return {job_id: _known(answer) for job_id, answer in zip(ids, answers, strict=True)}


def _known(answer: str | Exception | None) -> str:
    if isinstance(answer, Exception) and type(answer) is not ResponseError:
        raise answer
    return GONE if answer is None else answer if answer in _STATES else DAMAGED


def _has_outcome(state: str) -> bool:
    return state in {GONE, DAMAGED, JobState.HELD} or JobState(state).is_finished
