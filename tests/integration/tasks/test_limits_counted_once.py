"""A job counts once, whatever happens to it, and gives its place back if it was not sent."""

from __future__ import annotations

from typing import Any

import pytest

from providers.faults import Fault
from providers.protocol import AttemptResult
from tasks import moves
from tasks.journal import Claimed
from tasks.record import decode
from tests.support import flow
from tests.support.flow import ABSENT, SILENT, UNKNOWN, Worker, config, refused, worker
from tests.support.journal import TextRedis, cancel, enqueue, now_ms
from tests.support.limit_flow import ALL_LIMITS, outcomes
from tests.support.limits import (
    cooling_ids,
    counted,
    counters,
    per_user,
)
from trunkline_client import AsyncTrunkline, keys

pytestmark = pytest.mark.integration


async def test_a_fallback_does_not_count_again(redis: TextRedis) -> None:
    one = worker(redis, config(policy=ALL_LIMITS), twilio=[refused(Fault.AUTH)])
    await enqueue(redis)

    await one.serve()

    assert (await one.status())["sender"] == "acme-syniverse"
    assert await counters(redis) == {"unused": 2}
    assert await cooling_ids(redis) == {"job-1"}


async def test_another_number_of_the_same_sender_does_not_count_again(redis: TextRedis) -> None:
    one = worker(redis, config(policy=per_user(1)), twilio=[refused(Fault.NUMBER), flow.ACCEPTED])
    await enqueue(redis)

    await one.serve()

    assert len((await one.status())["attempts"]) == 2
    assert await counters(redis) == {"unused": 1}


async def test_a_redelivered_job_does_not_count_again(redis: TextRedis) -> None:
    one = worker(redis, config(policy=per_user(1)), twilio=[refused(Fault.THROTTLED), flow.ACCEPTED])
    await enqueue(redis)

    lines = [report.line for report in await one.serve()]

    assert (len(lines), lines[-1]) == (2, "sent acme-twilio")
    assert await counters(redis) == {"unused": 1}


@pytest.mark.parametrize("lookup", [ABSENT, SILENT])
async def test_a_worker_that_dies_in_its_call_leaves_the_job_counted_once(redis: TextRedis, lookup: Any) -> None:
    one = worker(redis, config(policy=ALL_LIMITS))
    one.twilio.lookups = [lookup]
    await enqueue(redis)
    await die_in_the_call(one)

    await one.services.journal.sweep(100, 0)
    await one.serve()

    assert (await one.status())["state"] == "sent"
    assert await counters(redis) == {"unused": 2}
    assert await cooling_ids(redis) == {"job-1"}


async def die_in_the_call(one: Worker) -> None:
    """Let a worker vanish after it has recorded its attempt, and its lease run out."""

    async def die() -> None:
        raise SystemError("the process is gone")

    one.twilio.meanwhile = die
    with pytest.raises(SystemError):
        await one.serve()
    one.twilio.meanwhile = None
    await one.redis.zadd(keys.LEASES, {"job-1": 1})
    await one.redis.hset(keys.job("job-1"), "lease_ms", 1)


async def test_a_worker_that_dies_before_its_attempt_has_counted_nothing(redis: TextRedis) -> None:
    one = worker(redis, config(policy=per_user(1)))
    await enqueue(redis)
    await one.services.journal.claim("job-1", "", "w:dead")
    await redis.zadd(keys.LEASES, {"job-1": 1})
    await one.services.journal.sweep(100, 0)

    assert await counters(redis) == {}
    assert "sent acme-twilio" in [report.line for report in await one.serve()]
    assert await counters(redis) == {"unused": 1}


@pytest.mark.parametrize("mark", ["counted", "first_attempt"])
async def test_a_replayed_job_is_not_checked_again(redis: TextRedis, mark: str) -> None:
    await outcomes(redis, per_user(1), {})
    one = worker(redis, config(policy=per_user(1)))
    await enqueue(redis, "again")
    await redis.hset(keys.job("again"), mark, '{"quotas":{},"settled":"given_back"}' if mark == "counted" else "1")

    assert [report.line for report in await one.serve()] == ["sent acme-twilio"]
    assert await counters(redis) == {"unused": 1}


# Given back.


async def test_a_failed_job_gives_its_place_back(redis: TextRedis) -> None:
    one = worker(redis, config(policy=ALL_LIMITS), twilio=[refused(Fault.AUTH)], syniverse=[refused(Fault.AUTH)])
    await enqueue(redis)

    await one.serve()

    assert (await one.status())["state"] == "failed"
    assert (await counters(redis), await cooling_ids(redis)) == ({}, set())
    again = await counted(redis)
    assert again
    assert again["settled"] == "given_back"


async def test_a_cancelled_job_gives_its_place_back(redis: TextRedis) -> None:
    one = worker(redis, config(policy=ALL_LIMITS), twilio=[refused(Fault.THROTTLED)])
    await enqueue(redis)
    await one.serve(hurry=False)
    assert await counters(redis) == {"unused": 2}

    assert await cancel(redis) == ("cancelled", "cancelled")
    assert (await counters(redis), await cooling_ids(redis)) == ({}, set())


async def test_an_expired_job_gives_its_place_back(redis: TextRedis) -> None:
    one = worker(redis, config(policy=ALL_LIMITS), twilio=[refused(Fault.THROTTLED)])
    await enqueue(redis)
    await one.serve(hurry=False)
    await redis.hset(keys.job("job-1"), "expires_ms", 1)

    await one.serve()

    assert (await one.status())["state"] == "expired"
    assert (await counters(redis), await cooling_ids(redis)) == ({}, set())


@pytest.mark.parametrize("lookup", [ABSENT, SILENT])
async def test_a_job_with_an_unknown_attempt_gives_nothing_back(redis: TextRedis, lookup: Any) -> None:
    one = worker(redis, config(policy=ALL_LIMITS), twilio=[UNKNOWN], syniverse=[refused(Fault.AUTH)])
    one.twilio.lookups = [lookup]
    await enqueue(redis)

    await one.serve()

    assert (await one.status())["state"] == "failed"
    assert (await counters(redis), await cooling_ids(redis)) == ({"unused": 2}, {"job-1"})


@pytest.mark.parametrize(("late", "left"), [(refused(Fault.AUTH), 0), (UNKNOWN, 2)])
async def test_a_refusal_that_arrives_after_the_end_gives_the_place_back(
    redis: TextRedis, late: AttemptResult, left: int
) -> None:
    one = worker(redis, config(policy=ALL_LIMITS), twilio=[refused(Fault.AUTH)], syniverse=[refused(Fault.AUTH)])
    await enqueue(redis)
    await die_in_the_call(one)
    dead = Claimed(decode("job-1", await redis.hgetall(keys.job("job-1"))), "w:0", 0, 1)
    await one.services.journal.sweep(100, 0)
    await one.serve()
    assert (await one.status())["state"] == "failed"
    assert await counters(redis) == {"unused": 2}

    for _ in range(2):
        move = moves.stay().ending(1, late, await now_ms(redis))
        await one.services.journal.finish(dead, move, sealed_content=None)

    assert sum((await counters(redis)).values()) == left
    assert await cooling_ids(redis) == ({"job-1"} if left else set())


async def test_what_was_used_is_not_given_back(redis: TextRedis) -> None:
    one = worker(redis, config(policy=ALL_LIMITS), twilio=[refused(Fault.THROTTLED)])
    await enqueue(redis)
    await one.serve(hurry=False)

    await AsyncTrunkline(redis=redis).used("job-1")
    await cancel(redis)

    assert await counters(redis) == {"used": 2}
