"""Commands that arrive late or twice, a Redis without memory, and records of others that are damaged."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from redis.exceptions import OutOfMemoryError

from tasks import moves
from tasks.journal import Claimed, Journal
from tests.support.in_hand import REFUSED, begin, claim, end, in_hand, sent
from tests.support.journal import TextRedis, enqueue, now_ms, snapshot
from trunkline_client import keys
from trunkline_client.words import JobState, Lane

pytestmark = pytest.mark.integration

Filling = Callable[[], Awaitable[None]]


@pytest.fixture
def journal(redis: TextRedis) -> Journal:
    return Journal(redis, lease_ms=10_000)


async def test_the_end_of_an_attempt_that_arrives_a_second_time_does_not_close_the_next_one(
    redis: TextRedis, journal: Journal
) -> None:
    claimed = await in_hand(redis, journal)
    await begin(journal, claimed)
    refused = moves.stay().ending(1, REFUSED, 5)
    await end(journal, claimed, refused)
    await begin(journal, claimed, 2)
    before = await snapshot(redis)

    await end(journal, claimed, refused)

    assert await snapshot(redis) == before
    assert await redis.hget(keys.job("job-1"), "open") == "2"


@pytest.fixture
async def full(redis: TextRedis) -> AsyncIterator[Filling]:
    """A way to fill the memory of Redis for the rest of a test."""
    yield lambda: redis.config_set("maxmemory", 1)
    await redis.config_set("maxmemory", 0)


async def test_without_memory_no_attempt_begins_and_nothing_is_changed(
    redis: TextRedis, journal: Journal, full: Filling
) -> None:
    claimed = await in_hand(redis, journal)
    before = await snapshot(redis)
    await full()

    with pytest.raises(OutOfMemoryError):
        await begin(journal, claimed)
    assert await snapshot(redis) == before


async def test_without_memory_what_a_provider_said_is_recorded_all_the_same(
    redis: TextRedis, journal: Journal, full: Filling
) -> None:
    claimed = await in_hand(redis, journal)
    await begin(journal, claimed)
    await full()

    assert await journal.renew([claimed]) == []
    assert await end(journal, claimed, sent()) is JobState.SENT


async def test_without_memory_upkeep_and_claims_go_on(redis: TextRedis, journal: Journal, full: Filling) -> None:
    claimed = await in_hand(redis, journal)
    await enqueue(redis, "job-2", send_at_ms=await now_ms(redis) + 60_000)
    await redis.zadd(keys.LEASES, {claimed.record.id: 1})
    await redis.zadd(keys.DELAYED, {"job-2": 1})
    await full()

    assert (await journal.sweep(10, 10_000)).given_back == 1
    assert (await journal.move_due(10))[0] == 1
    assert isinstance(await claim(redis, journal, "worker:b"), Claimed)
    assert await redis.zcard(keys.DAMAGED) == 0


async def test_a_damaged_job_that_waits_does_not_stop_the_claims_of_its_tenant(
    redis: TextRedis, journal: Journal
) -> None:
    await redis.hset(keys.TUNING, "lane_window", 1)
    for number in (1, 2, 3):
        await enqueue(redis, f"job-{number}")
    await redis.hdel(keys.job("job-2"), "queue")

    assert isinstance(await claim(redis, journal), Claimed)

    assert await redis.zrange(keys.DAMAGED, 0, -1) == ["job-2"]
    assert await redis.smembers(keys.window("dispatch.normal", Lane.NORMAL, "acme")) == {"job-3"}


async def test_an_id_that_is_used_again_leaves_the_dead_letters(redis: TextRedis, journal: Journal) -> None:
    """The record of the failed job has expired, and its id was taken before the sweeper came by."""
    await enqueue(redis)
    await redis.zadd(keys.DEAD, {"job-1": 1})
    await redis.zadd(keys.FORGET, {"job-1 acme": 1})

    await journal.sweep(10, 10_000)

    assert (await redis.zcard(keys.DEAD), await redis.zcard(keys.FORGET)) == (0, 0)
    assert await redis.zrange(keys.jobs("acme"), 0, -1) == ["job-1"]


async def test_an_entry_is_not_forgotten_in_the_last_moment_of_its_record(redis: TextRedis, journal: Journal) -> None:
    claimed = await in_hand(redis, journal)
    await begin(journal, claimed)
    await end(journal, claimed, sent())
    await redis.zadd(keys.FORGET, {"job-1 acme": await now_ms(redis)})

    await journal.sweep(10, 10_000)

    assert await redis.zcard(keys.FORGET) == 1
