"""A call for many jobs that ends half-way leaves each job whole or absent, and the client fit for more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import pytest
from redis.asyncio import Redis

from tests.support.places import contradictions, picture
from trunkline_client import AsyncTrunkline, Handle, Trunkline, keys
from trunkline_client.words import FINISHED

pytestmark = pytest.mark.integration

COUNT: Final = 2_000


def jobs(count: int = COUNT) -> Iterator[dict[str, Any]]:
    for number in range(count):
        body = f"Your code is {number:06}"
        yield {"id": f"job-{number}", "tenant": "acme", "channel": "sms", "to": "+14155552671", "body": body}


async def recorded(redis: Redis) -> int:
    return int(await redis.zcard(keys.JOBS))


async def test_a_cancelled_call_leaves_whole_jobs_and_the_same_call_adds_the_others(
    redis: Redis, redis_url: str
) -> None:
    async with AsyncTrunkline(redis_url) as client:
        call = asyncio.create_task(client.send_many(jobs()))
        begun = 0
        while begun == 0:
            begun = await recorded(redis)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        first = await recorded(redis)

        again = await client.send_many(jobs())

    assert 0 < first < COUNT
    assert [one.id for one in again if isinstance(one, Handle)] == [f"job-{number}" for number in range(COUNT)]
    now = await picture(redis)
    assert contradictions(now, lane_window=64, head_starts=32) == []
    assert len(now.records) == COUNT
    assert all(job["state"] not in FINISHED and job["content"] for job in now.records.values())


def test_a_generator_that_fails_ends_the_call_after_whole_batches(redis_url: str) -> None:
    def failing() -> Iterator[dict[str, Any]]:
        yield from jobs(700)
        raise LookupError("the producer's own")

    with Trunkline(redis_url) as client:
        with pytest.raises(LookupError):
            client.send_many(failing())

        assert client.status("job-499") is not None
        assert client.status("job-500") is None
        assert [one.created for one in client.send_many(jobs(10)) if isinstance(one, Handle)] == [False] * 10
