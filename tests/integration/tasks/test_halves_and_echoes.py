"""Commands that arrive late or twice, and records of others that are damaged."""

from __future__ import annotations

import pytest

from tasks import moves
from tasks.journal import Claimed, Journal
from tests.support.in_hand import REFUSED, begin, claim, end, in_hand
from tests.support.journal import TextRedis, enqueue, snapshot
from trunkline_client import keys
from trunkline_client.words import Lane

pytestmark = pytest.mark.integration


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
