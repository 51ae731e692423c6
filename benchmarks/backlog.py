"""How long it takes to read the backlog of thousands of tenants that wait, and how long one step of it holds Redis."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

from redis.asyncio import Redis

from benchmarks.measure import Fact
from tasks.backlog import BacklogReader
from tests.support.redis_server import RedisServer
from trunkline_client.connection import open_async

TENANTS: Final = 10_000
IN_LANE: Final = 2
READINGS: Final = 5
_CHUNK: Final = 100
#: steps that held Redis for less are not looked at.
_SLOW_US: Final = 100

#: many tenants at once, as `enqueue.lua` leaves them; ARGV: first and last tenant, jobs of each, those in the lane.
_FILL: Final = """
for tenant = ARGV[1], ARGV[2] do
  local waiting = 'tl:waiting:dispatch.bulk:bulk:tenant-' .. tenant
  for number = 1, ARGV[3] do
    local id, due = 'job-' .. tenant .. '-' .. number, 1700000000000 + tenant * 100 + number
    redis.call('HSET', 'tl:job:' .. id, 'tenant', 'tenant-' .. tenant, 'content', string.rep('x', 120), 'due_ms', due)
    if number <= tonumber(ARGV[4]) then
      redis.call('ZADD', 'tl:placed:dispatch.bulk:bulk', due, id)
    else
      redis.call('ZADD', waiting, due, id)
    end
  end
  redis.call('SADD', 'tl:waiters', waiting)
end
"""


def measure(size: int) -> list[Fact]:
    """Return what a reading costs beside `size` jobs of `TENANTS` tenants."""
    return asyncio.run(_measure(size))


async def _measure(size: int) -> list[Fact]:
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        redis = open_async(server.url)
        each = max(IN_LANE + 1, size // TENANTS)
        for first in range(0, TENANTS, _CHUNK):
            await redis.eval(_FILL, 0, str(first), str(first + _CHUNK - 1), str(each), str(IN_LANE))
        facts = await _readings(redis, f"{each * TENANTS:,} jobs of {TENANTS:,} tenants")
        await redis.aclose()
    return facts


async def _readings(redis: Redis, what: str) -> list[Fact]:
    reader = BacklogReader(redis)
    await reader.read()
    await redis.config_set("slowlog-log-slower-than", _SLOW_US)
    await redis.slowlog_reset()
    took_s, cpu_s = [], []
    for _ in range(READINGS):
        wall, cpu = time.perf_counter(), time.process_time()
        await reader.read()
        took_s.append(time.perf_counter() - wall)
        cpu_s.append(time.process_time() - cpu)
    entries = await redis.slowlog_get(1_000)
    held_ms = [entry["duration"] / 1000 for entry in entries if b"EVALSHA" in bytes(str(entry["command"]), "utf-8")]
    return [
        Fact(f"read the backlog, {what}", 1000 * median(took_s), "ms"),
        Fact(f"CPU of that, {what}", 1000 * median(cpu_s), "ms"),
        Fact(f"slowest step of that, {what}", max(held_ms, default=0.0), "ms (0: less than 0.1)"),
    ]
