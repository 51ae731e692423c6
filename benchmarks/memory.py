"""How much of Redis a job takes, with its indexes and its nudge, in each place and after its end.

What is counted is `used_memory` of a server before and after many jobs. Redis keeps a small hash in one block (a
listpack), and makes it a table of its own once a value is longer than `hash-max-listpack-value`: 64 bytes by default.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog
from redis.asyncio import Redis

from benchmarks.measure import Fact
from providers.faults import Fault
from tests.support.flow import Worker, config, refused, worker
from tests.support.redis_server import RedisServer
from trunkline_client import AsyncTrunkline, keys
from trunkline_client.connection import open_async

QUEUED: Final = 20_000
#: these go through all of a worker's work.
FINISHED: Final = 500
CHUNK: Final = 500
#: Redis's own limit, and the one that docs/performance.md recommends.
LISTPACK_VALUES: Final = (64, 1024)
_NO_LIMIT: Final = 10**9

Fill = Callable[[Redis, str, int], Awaitable[None]]


def job(number: int) -> dict[str, Any]:
    """Return a typical passcode job: a text of 40 characters, and a reference."""
    return {
        "tenant": "acme",
        "channel": "sms",
        "to": f"+1415{number:07}",
        "body": "Your code is 493817. Tell it to nobody. ",
        "reference": f"login-{number:012}",
    }


def measure() -> Iterator[Fact]:
    """Yield the bytes of Redis that a job takes, for each place and each limit of listpacks."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    for what, (fill, count) in WAYS.items():
        for listpack in LISTPACK_VALUES:
            taken = asyncio.run(_bytes_each(fill, count, listpack))
            yield Fact(f"Redis for a job {what}, listpack values to {listpack}", taken, "bytes")


async def _bytes_each(fill: Fill, count: int, listpack: int) -> float:
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        redis = open_async(server.url)
        await redis.config_set("hash-max-listpack-value", listpack)
        await redis.hset(keys.TUNING, "events", "0")  # a stream of bounded length, whatever the jobs
        await fill(redis, server.url, 1)  # the scripts are loaded now
        before = await _used(redis)
        await fill(redis, server.url, count)
        taken = await _used(redis) - before
        await redis.aclose()
    return taken / count


async def _used(redis: Redis) -> int:
    return int((await redis.info("memory"))["used_memory"])


async def _enqueue(url: str, count: int, **more: Any) -> None:
    client = AsyncTrunkline(url)
    for first in range(0, count, CHUNK):
        handles = await client.send_many([job(number) | more for number in range(first, min(count, first + CHUNK))])
        for handle in handles:
            if isinstance(handle, Exception):
                raise handle
    await client.aclose()


async def _in_its_lane(redis: Redis, url: str, count: int) -> None:
    await redis.hset(keys.TUNING, "lane_window", str(_NO_LIMIT))
    await _enqueue(url, count)


async def _waiting(redis: Redis, url: str, count: int) -> None:
    await redis.hset(keys.TUNING, "lane_window", "1")
    await _enqueue(url, count)


async def _scheduled(redis: Redis, url: str, count: int) -> None:  # noqa: ARG001 - all ways are called alike
    await _enqueue(url, count, send_at=datetime.now(UTC) + timedelta(hours=1))


def _served(by: Callable[[Redis], Worker]) -> Fill:
    async def fill(redis: Redis, url: str, count: int) -> None:
        await _enqueue(url, count)
        await by(redis).serve(most=_NO_LIMIT)

    return fill


def _accepting(redis: Redis) -> Worker:
    return worker(redis, config())


def _refusing(redis: Redis) -> Worker:
    no = refused(Fault.GEO, "21408")
    return worker(redis, config(), twilio=[no], syniverse=[no])


WAYS: Final[dict[str, tuple[Fill, int]]] = {
    "in its lane, nudge included": (_in_its_lane, QUEUED),
    "that waits for room": (_waiting, QUEUED),
    "that is scheduled": (_scheduled, QUEUED),
    "that was sent": (_served(_accepting), FINISHED),
    "that failed after two attempts": (_served(_refusing), FINISHED),
}
