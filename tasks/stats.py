"""Counts what became of jobs: how they ended in a time, what dead letters failed by, and what a tenant waits for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from redis.asyncio import Redis

from tasks import lua
from tasks.backlog import LANES, LaneBacklog
from tasks.wanted import moment
from trunkline_client import keys
from trunkline_client.words import Lane

#: how many events and how many failed jobs one step reads: each holds Redis for 1 to 2 ms.
_EVENTS_IN_A_STEP: Final = 250
_DEAD_IN_A_STEP: Final = 300
#: how many jobs of a tenant's window are looked up for the oldest.
_LOOKED_UP: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How jobs ended in a time, by the events; a job that was replayed and ended again counts once for each end.

    Attributes:
        since: from when on everything is counted: what was asked for, or later if older events were dropped; None if
            no events are kept.
        fell_back: how many of those that were sent were not sent by the first sender of their chain.
    """

    since: datetime | None
    states: Mapping[str, int]
    faults: Mapping[str, int]
    rules: Mapping[str, int]
    providers: Mapping[str, int]
    fell_back: int

    @property
    def fallback_share(self) -> float | None:
        """The share of the sent jobs that fell back, None if none was sent."""
        sent = self.states.get("sent", 0)
        return self.fell_back / sent if sent else None


class Stats:
    """Counts over a client whose answers are text, in steps that hold Redis for a moment each.

    Jobs that move between two steps may be counted twice or not at all.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # its types say `bytes | str` for answers that are text
        self._ended = lua.load(redis, "count_ended")
        self._dead = lua.load(redis, "count_dead")

    async def ended(self, since: datetime, *, tenant: str | None = None) -> Ended:
        """Return how jobs ended from a moment on, of one tenant or of all."""
        since_ms = max(0, round(since.timestamp() * 1000))
        counts: Counter[str] = Counter()
        start = str(since_ms)
        while start:
            last, *flat = await self._ended(keys=[keys.EVENTS], args=[start, tenant or "", _EVENTS_IN_A_STEP])
            counts.update(_pairs(flat))
            start = last and f"({last}"
        return Ended(
            since=await self._covered(since_ms),
            states=_of_kind(counts, "state"),
            faults=_of_kind(counts, "fault"),
            rules=_of_kind(counts, "rule"),
            providers=_of_kind(counts, "provider"),
            fell_back=counts["fell_back"],
        )

    async def dead_by_fault(self, *, tenant: str | None = None) -> dict[str, int]:
        """Return how many failed jobs are kept, by fault, the most frequent first."""
        counts: Counter[str] = Counter()
        first, read = 0, _DEAD_IN_A_STEP
        while read == _DEAD_IN_A_STEP:
            read, *flat = await self._dead(keys=[keys.DEAD], args=[first, tenant or "", _DEAD_IN_A_STEP])
            counts.update(_pairs(flat))
            first += read
        return dict(counts.most_common())

    async def lanes_of(self, tenant: str) -> tuple[LaneBacklog, ...]:
        """Return what one tenant has in each lane; ages are exact for windows of at most 200 jobs."""
        seconds, microseconds = await self._redis.time()
        now_ms = int(seconds) * 1000 + int(microseconds) // 1000
        return tuple([await self._lane_of(tenant, queue, lane, now_ms) for queue, lane in LANES])

    async def _lane_of(self, tenant: str, queue: str, lane: Lane, now_ms: int) -> LaneBacklog:
        window, waiting = keys.window(queue, lane, tenant), keys.waiting(queue, lane, tenant)
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.scard(window).zcard(waiting).srandmember(window, _LOOKED_UP).zrange(waiting, 0, 0)
        in_lane, waits, some, first = await pipeline.execute()
        for job_id in (*some, *first):
            pipeline.hget(keys.job(job_id), "due_ms")
        due = [int(at) for at in await pipeline.execute() if at]
        age = timedelta(milliseconds=max(0, now_ms - min(due))) if due else None
        return LaneBacklog(queue=queue, lane=lane, in_lane=in_lane, waiting=waits, oldest_age=age)

    async def _covered(self, since_ms: int) -> datetime | None:
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.xrange(keys.EVENTS, count=1).xlen(keys.EVENTS).hget(keys.TUNING, "events")
        first, length, most = await pipeline.execute()
        kept = _DEFAULT_EVENTS if most is None else int(most)
        if kept <= 0:
            return None
        first_ms = int(first[0][0].partition("-")[0]) if first else 0
        return moment(max(since_ms, first_ms) if length >= kept else since_ms)


#: as `base.lua` has it.
_DEFAULT_EVENTS: Final = 100_000


def _pairs(flat: Sequence[Any]) -> dict[str, int]:
    return {str(name): int(count) for name, count in zip(flat[::2], flat[1::2], strict=True)}


def _of_kind(counts: Counter[str], kind: str) -> dict[str, int]:
    """Return the counts of one kind, the most frequent first."""
    return {name.partition(":")[2]: count for name, count in counts.most_common() if name.startswith(f"{kind}:")}
