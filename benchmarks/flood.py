"""What a quiet tenant's job costs beside a few and beside very many jobs of another, and how long upkeep holds Redis.

Each step is timed as this process sees it, round trip included. A ratio near 1 is what is wanted.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final

from redis.asyncio import Redis

from benchmarks.measure import Fact, Measurement, Stopwatch
from providers.faults import Outcome
from providers.protocol import AttemptResult
from tasks import moves
from tasks.journal import Claimed, Journal
from tests.support.redis_server import RedisServer
from trunkline_client import AsyncTrunkline, keys
from trunkline_client.connection import open_async
from trunkline_client.words import Lane

FEW: Final = 10
ROUNDS: Final = 20
JOBS_A_ROUND: Final = 20
PASSES: Final = 50
#: as many as a worker's mover takes in one pass.
DUE: Final = 50
CHUNK: Final = 1_000
LEASE_MS: Final = 10_000
STEPS: Final = ("enqueue", "claim", "begin the attempt", "finish")
_TWINS: Final = keys.calling("bench")
_ATTEMPT: Final = '{"id":"a","sender":"own","provider":"twilio","account":"AC0","started_ms":1}'
_ACCEPTED: Final = AttemptResult(outcome=Outcome.ACCEPTED, provider_id="SM1")
_SENT: Final = moves.sent(
    sender="own", provider="twilio", account="AC0", provider_id="SM1", attempt_id="a", keep_content=False
).ending(1, _ACCEPTED, 1)

#: many failed jobs at once, as `finish.lua` leaves them; ARGV: the first number and the last.
_FAIL: Final = """
for number = ARGV[1], ARGV[2] do
  local id = string.format('failed-%08d', number)
  redis.call('HSET', 'tl:job:' .. id, 'v', 1, 'tenant', 'flood', 'state', 'failed', 'attempts', 0, 'created_ms', number)
  redis.call('ZADD', 'tl:jobs', number, id)
  redis.call('ZADD', 'tl:ended:failed', number, id)
  redis.call('ZADD', 'tl:jobs:flood', number, id)
  redis.call('ZADD', 'tl:forget', 4102444800000 + number, id .. ' flood')
end
"""

#: lets the last jobs of tl:delayed be due; ARGV: how many. A new set at once would have the old one freed meanwhile.
_MAKE_DUE: Final = """
for _, id in ipairs(redis.call('ZREVRANGE', 'tl:delayed', 0, ARGV[1] - 1)) do
  redis.call('ZADD', 'tl:delayed', 0, id)
end
"""


@dataclass(slots=True)
class _Crowd:
    """A server on which one tenant has so many jobs queued."""

    size: int
    redis: Redis
    client: AsyncTrunkline
    journal: Journal
    watches: dict[str, Stopwatch] = field(default_factory=lambda: {step: Stopwatch() for step in STEPS})

    @property
    def name(self) -> str:
        return f"{self.size:,} jobs queued"

    async def flood(self, **more: Any) -> None:
        """Let the flooding tenant enqueue its jobs."""
        for first in range(0, self.size, CHUNK):
            jobs = [_job("flood", number) | more for number in range(first, min(self.size, first + CHUNK))]
            for handle in await self.client.send_many(jobs):
                if isinstance(handle, Exception):
                    raise handle

    async def fail(self) -> None:
        """Add as many failed jobs."""
        for first in range(0, self.size, CHUNK):
            await self.redis.eval(_FAIL, 0, str(first), str(min(self.size, first + CHUNK) - 1))

    async def make_all_due(self) -> None:
        """Let the time of every scheduled job come at once."""
        for _ in range(0, self.size, CHUNK):
            await self.redis.eval(_MAKE_DUE, 0, str(CHUNK))

    async def send_some(self) -> None:
        """Carry some jobs of a quiet tenant through every step."""
        for number in range(JOBS_A_ROUND):
            handle = await self._timed("enqueue", self.client.send_sms(**_job("quiet", number)))
            await self._take_nudge(handle.id)
            claimed = await self._timed("claim", self.journal.claim(handle.id, "", f"bench:{handle.id}"))
            assert isinstance(claimed, Claimed)  # noqa: S101
            begun = self.journal.begin_attempt(claimed, 1, _ATTEMPT, chain=("own",), least_life_ms=1, twins=_TWINS)
            await self._timed("begin the attempt", begun)
            await self._timed("finish", self.journal.finish(claimed, _SENT, sealed_content=None))

    async def _take_nudge(self, job_id: str) -> None:
        """Take the nudge off its list, as the broker would: it was just written to one of the ends."""
        is_front = await self.redis.hget(keys.job(job_id), "front") == "1"
        await (self.redis.rpop if is_front else self.redis.lpop)(keys.dispatch_queue(Lane.NORMAL))

    async def _timed(self, step: str, work: Awaitable[Any]) -> Any:
        watch = Stopwatch()
        result = await work
        watch.stop()
        watch.done = 1
        self.watches[step].add(watch)
        return result


def measure(size: int) -> tuple[list[Measurement], list[Fact]]:
    """Return what each step of a quiet job costs beside `FEW` and beside `size` others, and how long upkeep takes."""
    return asyncio.run(_measure(size))


async def _measure(size: int) -> tuple[list[Measurement], list[Fact]]:
    async with AsyncExitStack() as stack:
        every = [await stack.enter_async_context(_crowd(each)) for each in (FEW, size)]
        for crowd in every:
            await crowd.flood()
        for _ in range(ROUNDS):
            for crowd in every:  # in turns, so that the machine's other load meets both
                await crowd.send_some()
        measurements = [
            crowd.watches[step].measurement(f"{step}, a quiet tenant's job", crowd.name)
            for step in STEPS
            for crowd in every
        ]
        facts = [fact for crowd in every for fact in await _upkeep(crowd)]
    return measurements, facts


async def _upkeep(crowd: _Crowd) -> list[Fact]:
    """Return how long the passes of sweeper and mover take with as many jobs delayed and failed as are waiting."""
    await crowd.flood(send_at=datetime.now(UTC) + timedelta(hours=1))
    await crowd.fail()
    await crowd.journal.move_due(0)
    await crowd.redis.config_set("slowlog-log-slower-than", 1_000)
    await crowd.redis.slowlog_reset()
    facts = [
        _fact(crowd, "sweep", [await _ms(crowd.journal.sweep(100, 10_000)) for _ in range(PASSES)]),
        _fact(crowd, "move, none is due", [await _ms(crowd.journal.move_due(DUE)) for _ in range(PASSES)]),
    ]
    slowest = await _slowest_ms(crowd)
    await crowd.make_all_due()
    await crowd.redis.slowlog_reset()
    passes = [await _ms(crowd.journal.move_due(DUE)) for _ in range(min(PASSES, max(1, crowd.size // DUE)))]
    slowest = max(slowest, await _slowest_ms(crowd))
    return [
        *facts,
        _fact(crowd, "move, all are due", passes),
        Fact(f"slowest script of these, {crowd.name}", slowest, "ms (0: less than 1)"),
    ]


async def _slowest_ms(crowd: _Crowd) -> float:
    entries = await crowd.redis.slowlog_get(PASSES * 4)
    return max((entry["duration"] / 1000 for entry in entries if b"EVALSHA" in _verb(entry)), default=0.0)


def _verb(entry: dict[str, Any]) -> bytes:
    command: str | bytes = entry["command"]
    return (command.encode() if isinstance(command, str) else command).upper()


def _fact(crowd: _Crowd, what: str, passes: Iterable[float]) -> Fact:
    return Fact(f"{what}, {crowd.name}", median(passes), "ms")


async def _ms(work: Awaitable[object]) -> float:
    started = time.perf_counter()
    await work
    return 1000 * (time.perf_counter() - started)


def _job(tenant: str, number: int) -> dict[str, Any]:
    return {"channel": "sms", "tenant": tenant, "to": f"+1415{number % 10_000_000:07}", "body": "Your code is 493817"}


@asynccontextmanager
async def _crowd(size: int) -> AsyncIterator[_Crowd]:
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        redis = open_async(server.url)
        client = AsyncTrunkline(server.url)
        yield _Crowd(size, redis, client, Journal(redis, lease_ms=LEASE_MS))
        await client.aclose()
        await redis.aclose()
