"""Lists jobs by what became of them, newest first, a page at a time; it stays quick whatever else there is."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from redis.asyncio import Redis

from tasks import lua
from tasks.wanted import MOST_IN_PLACES, Cursor, Path, Wanted, Way, moment, narrowest, paths
from trunkline_client import keys
from trunkline_client.words import JobState

#: how many jobs one call of the script looks at, and how many it returns: each holds Redis for 1 to 2 ms.
LOOKS: Final = 250
ROWS: Final = 50
#: how many jobs `all` holds at a time.
PAGE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A job in a listing; nothing in it is private.

    Attributes:
        tenant: "" for a submitted job that named none.
        channel: None for a submitted job that broke the contract; so is `lane`.
        sender: that of the accepted attempt; so is `provider`.
        tried: the sender keys of its attempts, each once, in their order.
        attempts: how many there were.
        finished: None as long as it has not ended.
    """

    id: str
    tenant: str
    channel: str | None
    lane: str | None
    state: JobState
    fault: str | None
    rule: str | None
    sender: str | None
    provider: str | None
    tried: tuple[str, ...]
    country: str | None
    created: datetime
    finished: datetime | None
    attempts: int
    replays: int
    reference: str | None
    maybe_twice: bool
    maybe_sent: bool

    @property
    def why(self) -> str | None:
        """The fault or the rule it ended by."""
        return self.fault or self.rule

    @property
    def position(self) -> Cursor:
        """The cursor of what comes after it."""
        return Cursor(round(self.created.timestamp() * 1000), self.id)


@dataclass(frozen=True, slots=True)
class Page:
    """Some jobs of a listing, newest first; `cursor` leads to the next page, None if this is the last one."""

    jobs: tuple[Listed, ...]
    cursor: Cursor | None


class Listing:
    """Lists jobs over a client whose answers are text.

    A page begins at a job, not at a number, so jobs that arrive, end or are replayed meanwhile shift nothing: what is
    there all the time comes exactly once. A record that has expired since is passed over, as is a damaged one.
    """

    def __init__(self, redis: Redis, *, looks: int = LOOKS) -> None:
        """Prepare for listings; one call of the script looks at `looks` jobs at most."""
        self._redis = redis
        self._looks = looks
        self._script = lua.load(redis, "list_jobs")

    async def page(self, wanted: Wanted, *, after: Cursor | None = None, limit: int = 50) -> Page:
        """Return the newest `limit` wanted jobs after a cursor; None begins with the newest.

        A cursor is given unless everything was looked at, so the page it leads to may be empty.
        """
        path = await self._path(wanted, after)
        if path is None:
            return Page((), None)
        if path.way is Way.PLACES:
            return await self._in_places(path, wanted, after, limit)
        found: list[Listed] = []
        while True:
            count = min(ROWS, limit - len(found))
            more, created_ms, last_id, *rows = await self._look(path.way, wanted, after, count, path.names)
            found += _listed(rows)
            if more == "end":
                return Page(tuple(found), None)
            after = Cursor(int(created_ms), last_id)
            if len(found) >= limit:
                return Page(tuple(found), after)

    async def all(
        self, wanted: Wanted, *, limit: int | None = None, after: Cursor | None = None
    ) -> AsyncIterator[Listed]:
        """Yield the wanted jobs, newest first, at most `limit` of them; one page is in memory at a time."""
        left = limit
        while left is None or left > 0:
            page = await self.page(wanted, after=after, limit=PAGE if left is None else min(PAGE, left))
            for job in page.jobs:
                yield job
            if page.cursor is None:
                return
            after, left = page.cursor, None if left is None else left - len(page.jobs)

    async def _path(self, wanted: Wanted, after: Cursor | None) -> Path | None:
        """Return the path with the fewest jobs that are left to look at, None if there can be none."""
        since, until = wanted.since_ms, wanted.until_ms
        if after is not None:
            until = min(until, after.created_ms)
        found = paths(wanted) if since <= until else []
        if not found:
            return None
        pipeline = self._redis.pipeline(transaction=False)
        for path in found:
            for name in path.names:
                match path.way:
                    case Way.INDEXES:
                        pipeline.zcount(name, since, until)
                    case Way.REFERENCE:
                        pipeline.zlexcount(keys.REFERENCES, f"[{name}\n{since:013}\n", f"[{name}\n{until:013}\n~")
                    case Way.PLACES:
                        pipeline.zcard(name)
        counts = iter(await pipeline.execute())
        return narrowest({path: sum(next(counts) for _ in path.names) for path in found})

    async def _in_places(self, path: Path, wanted: Wanted, after: Cursor | None, limit: int) -> Page:
        """Return a page of the few jobs in some places: all of them are looked at, since they are in another order."""
        ids = dict[str, None]()
        for name in path.names:
            ids |= dict.fromkeys(map(str, await self._redis.zrange(name, 0, MOST_IN_PLACES)))
        found: list[Listed] = []
        for first in range(0, len(ids), ROWS):
            chunk = list(ids)[first : first + ROWS]
            _, _, _, *rows = await self._look("ids", wanted, None, ROWS, chunk)
            found += _listed(rows)
        found.sort(key=_place, reverse=True)
        left = [job for job in found if after is None or _place(job) < (after.created_ms, after.id)]
        return Page(tuple(left[:limit]), left[limit - 1].position if len(left) > limit else None)

    async def _look(self, how: str, wanted: Wanted, after: Cursor | None, most: int, names: Sequence[str]) -> list[Any]:
        conditions: dict[str, object] = dict(wanted.texts)
        conditions["states"] = dict.fromkeys(sorted(wanted.possible_states), 1)
        arguments: list[str | int] = [json.dumps(conditions), how, wanted.since_ms, wanted.until_ms]
        arguments += [after.created_ms, after.id] if after else ["", ""]
        answer: list[Any] = await self._script(keys=[], args=[*arguments, most, self._looks, *names])
        return answer


def _place(job: Listed) -> tuple[int, str]:
    position = job.position
    return position.created_ms, position.id


def _listed(rows: Sequence[Sequence[str | None]]) -> list[Listed]:
    jobs = (_row(dict(zip(_FIELDS, row, strict=True))) for row in rows)
    return [job for job in jobs if job is not None]


#: what the script tells of a job, in its order.
_FIELDS: Final = (
    *("id", "created_ms", "state", "tenant", "channel", "lane", "fault", "rule", "country", "sender", "provider"),
    *("attempts", "finished_ms", "replays", "maybe_twice", "maybe_sent", "reference", "tried"),
)
_AS_TOLD: Final = ("channel", "lane", "fault", "rule", "sender", "provider", "country", "reference")


def _row(told: dict[str, str | None]) -> Listed | None:
    """Return the job of one row, None if its record is damaged."""
    try:
        return Listed(
            id=told["id"] or "",
            tenant=told["tenant"] or "",
            state=JobState(told["state"] or ""),
            tried=tuple(dict.fromkeys((told["tried"] or "").split())),
            created=moment(int(told["created_ms"] or "")),
            finished=moment(int(told["finished_ms"])) if told["finished_ms"] else None,
            attempts=int(told["attempts"] or 0),
            replays=int(told["replays"] or 0),
            maybe_twice=told["maybe_twice"] == "1",
            maybe_sent=told["maybe_sent"] == "1",
            **{name: told[name] for name in _AS_TOLD},
        )
    except ValueError:
        return None
