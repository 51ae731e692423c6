"""What waits, and for how long: read from the indexes of the journal, in steps that hold Redis for a moment each."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from redis.asyncio import Redis

from tasks import lua
from trunkline_client import keys
from trunkline_client.words import Lane

#: How many jobs of each set of a lane are looked up for the oldest.
LOOKED_UP_IN_A_LANE: Final = 200
#: About how many waiting sets one step reads. Beside a million jobs of 10,000 tenants 100 hold Redis for
#: 0.7 ms, at most 1.4 to 2.7; 200 took up to 4.7.
_WAITING_SETS_IN_A_STEP: Final = 100
#: How many tenants are named, and how many gates.
LONGEST_WAITING: Final = 20
#: How many gates are counted in one step, and at all: those due first. 500 hold Redis for about 0.3 ms.
_GATES_IN_A_STEP: Final = 500
_MOST_GATES: Final = 10_000

#: Every lane of every queue that holds jobs.
LANES: Final = (
    *((keys.dispatch_queue(lane), lane) for lane in Lane),
    *((keys.fallback_queue(provider), lane) for provider in keys.FALLBACK_PROVIDERS for lane in Lane),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneBacklog:
    """The jobs of one lane of one queue that nobody has in hand.

    Attributes:
        in_lane: how many a worker can claim.
        waiting: how many more wait for room in the windows of their tenants.
        oldest_age: how long ago the oldest of both became due, None if there is none whose record can be read. A retry
            or lookup became due when its pause was over. Exact while each of the lane's two sets holds at most
            `LOOKED_UP_IN_A_LANE` jobs; with more, and where a tenant's jobs came to wait in another order than they
            became due, the true age may be greater.
    """

    queue: str
    lane: Lane
    in_lane: int
    waiting: int
    oldest_age: timedelta | None

    @property
    def jobs(self) -> int:
        """How many there are in all."""
        return self.in_lane + self.waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantWait:
    """The jobs of one tenant that wait for room in its windows, in all lanes.

    Attributes:
        jobs: how many wait. Those in its lanes, at most a window each, come on top.
        oldest_age: how long ago the one that came first became due, None if no record could be read.
    """

    tenant: str
    jobs: int
    oldest_age: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateWait:
    """The jobs that wait at one gate, which is named as in `gates.lua`."""

    gate: str
    jobs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Everything that is not ended, by place, and what waits for an operator.

    Attributes:
        lanes: one entry for each of `LANES`, in their order, empty ones included.
        delayed: schedules, retries and lookups whose time may not have come yet.
        overdue: how many of `delayed` are due by now; the mover takes them.
        in_hand: how many jobs workers hold, by their leases.
        held: how many are parked for an operator.
        dead: how many `failed` jobs are kept.
        damaged: how many jobs were set aside because their records cannot be worked with.
        waiting_tenants: how many tenants have jobs that wait for room.
        at_gates: how many jobs wait for the capacity of an account or number.
        fullest_gates: the `LONGEST_WAITING` of the gates where most do, that one first.
        longest_waiting: the `LONGEST_WAITING` of those whose first job waits longest, that one first.
    """

    lanes: tuple[LaneBacklog, ...]
    delayed: int
    overdue: int
    in_hand: int
    held: int
    dead: int
    damaged: int
    waiting_tenants: int
    at_gates: int
    fullest_gates: tuple[GateWait, ...]
    longest_waiting: tuple[TenantWait, ...]

    @property
    def jobs(self) -> int:
        """How many jobs nobody has in hand that could be sent now."""
        return sum(lane.jobs for lane in self.lanes)


@dataclass(frozen=True, slots=True)
class _Some:
    """A number of jobs, and the age of the oldest in ms, None if unknown."""

    jobs: int = 0
    age_ms: int | None = None

    def __add__(self, other: _Some) -> _Some:
        ages = [age for age in (self.age_ms, other.age_ms) if age is not None]
        return _Some(self.jobs + other.jobs, max(ages, default=None))

    @property
    def oldest_age(self) -> timedelta | None:
        return None if self.age_ms is None else timedelta(milliseconds=self.age_ms)


class BacklogReader:
    """Reads the backlog over a client whose answers are text.

    The steps follow each other, so a job that moves meanwhile may be counted twice or not at all.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._lane = lua.load(redis, "backlog_lane")
        self._waiting = lua.load(redis, "backlog_waiting")

    async def read(self) -> Backlog:
        """Return the backlog: one step for each lane, for each 100 waiting tenants and each 500 gates, and one more.

        Raises:
            RedisError: Redis did not answer.
        """
        waiting = await self._read_waiting()
        by_lane: defaultdict[tuple[str, str], _Some] = defaultdict(_Some)
        by_tenant: defaultdict[str, _Some] = defaultdict(_Some)
        for key, some in waiting.items():
            try:
                queue, lane, tenant = keys.parts_of_waiting(key)
            except ValueError:
                continue  # not written by us; it must not take the view of all the others
            by_lane[queue, lane] += some
            by_tenant[tenant] += some
        lanes = [await self._read_lane(queue, lane, by_lane[queue, lane]) for queue, lane in LANES]
        gates = await self._read_gates()
        return Backlog(
            lanes=tuple(lanes),
            **await self._read_totals(),
            waiting_tenants=len(by_tenant),
            at_gates=sum(one.jobs for one in gates),
            fullest_gates=tuple(gates[:LONGEST_WAITING]),
            longest_waiting=_longest(by_tenant),
        )

    async def _read_waiting(self) -> dict[str, _Some]:
        found: dict[str, _Some] = {}
        cursor = "0"
        while True:
            answer = await self._waiting(keys=[keys.WAITERS], args=[cursor, _WAITING_SETS_IN_A_STEP, keys.job("")])
            cursor, now_ms, *flat = answer
            for key, jobs, due_ms in zip(flat[::3], flat[1::3], flat[2::3], strict=True):
                found[key] = _Some(int(jobs), _age_ms(int(now_ms), int(due_ms)))
            if cursor == "0":
                return found

    async def _read_lane(self, queue: str, lane: Lane, waiting: _Some) -> LaneBacklog:
        now_ms, count, due_ms = await self._lane(
            keys=[keys.placed(queue, lane), keys.front(queue, lane)], args=[keys.job(""), LOOKED_UP_IN_A_LANE]
        )
        in_lane = _Some(int(count), _age_ms(int(now_ms), int(due_ms)))
        return LaneBacklog(
            queue=queue,
            lane=lane,
            in_lane=in_lane.jobs,
            waiting=waiting.jobs,
            oldest_age=(in_lane + waiting).oldest_age,
        )

    async def _read_gates(self) -> list[GateWait]:
        """Return the gates where jobs wait, the fullest first."""
        names: list[Any] = await self._redis.zrange(keys.GATES_DUE, 0, _MOST_GATES - 1)
        waits: list[GateWait] = []
        for start in range(0, len(names), _GATES_IN_A_STEP):
            step = names[start : start + _GATES_IN_A_STEP]
            async with self._redis.pipeline(transaction=False) as pipeline:
                for name in step:
                    pipeline.zcard(keys.gate(name, "waiting"))
                counts: list[int] = await pipeline.execute()
            waits += [GateWait(gate=name, jobs=jobs) for name, jobs in zip(step, counts, strict=True) if jobs]
        return sorted(waits, key=lambda wait: (-wait.jobs, wait.gate))

    async def _read_totals(self) -> dict[str, int]:
        seconds, microseconds = await self._redis.time()
        now_ms = int(seconds) * 1000 + int(microseconds) // 1000
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.zcard(keys.DELAYED)
            pipeline.zcount(keys.DELAYED, "-inf", now_ms)
            for key in (keys.LEASES, keys.HELD, keys.DEAD, keys.DAMAGED):
                pipeline.zcard(key)
            counts: list[Any] = await pipeline.execute()
        return dict(zip(("delayed", "overdue", "in_hand", "held", "dead", "damaged"), map(int, counts), strict=True))


def _age_ms(now_ms: int, due_ms: int) -> int | None:
    return None if due_ms < 0 else max(0, now_ms - due_ms)


def _longest(by_tenant: dict[str, _Some]) -> tuple[TenantWait, ...]:
    waits = [
        TenantWait(tenant=tenant, jobs=some.jobs, oldest_age=some.oldest_age) for tenant, some in by_tenant.items()
    ]
    waits.sort(key=lambda wait: (-(wait.oldest_age or timedelta(0)), wait.tenant))
    return tuple(waits[:LONGEST_WAITING])
