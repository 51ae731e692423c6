"""What a provider that says "later" does to the gate of its account, and to the job that was told so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from providers.faults import Fault, Outcome, Ruling, ruling
from providers.protocol import AttemptResult
from tasks import moves
from tasks.journal import Begun, Waits
from tests.support import hands
from tests.support.gates import NUMBER, REQUESTS, AtGates, number, one_at_a_time
from tests.support.journal import TextRedis, now_ms
from trunkline_client import keys
from trunkline_client.words import JobState

pytestmark = pytest.mark.integration

REFUSED = AttemptResult(outcome=Outcome.REFUSED, ruling=ruling(Fault.AUTH))
CROWDED = AttemptResult(outcome=Outcome.REFUSED, ruling=ruling(Fault.THROTTLED), code="20429")
FULL_QUEUE = replace(CROWDED, ruling=Ruling(Fault.THROTTLED, retry=True, another_number=True), code="21611")
DAILY_CAP = replace(CROWDED, ruling=Ruling(Fault.THROTTLED), code="63038")
AT_REQUESTS, AT_NUMBER = Waits(REQUESTS), Waits(NUMBER)


def later(result: AttemptResult = CROWDED, attempt: int = 1) -> moves.Move:
    return moves.retry_later(timedelta(seconds=1), throttled_ms=5, retries=1).ending(attempt, result, 5)


def failed(result: AttemptResult = REFUSED) -> moves.Move:
    return moves.failed(Fault.AUTH).ending(1, result, 5)


@pytest.fixture
def narrow(redis: TextRedis) -> AtGates:
    """An account that takes one request at a time."""
    return AtGates(redis, [one_at_a_time()])


@pytest.fixture
def slow(redis: TextRedis) -> AtGates:
    """A number that needs a second for each message."""
    return AtGates(redis, [number(1_000)])


async def test_later_halves_what_runs_at_once(redis: TextRedis) -> None:
    at = AtGates(redis, [one_at_a_time(100)])
    for one in range(8):
        await at.arrive(str(one))

    await at.end("0", later())

    assert await redis.get(keys.gate(REQUESTS, "width")) == "4"
    assert await at.arrive("new") == AT_REQUESTS


async def test_those_that_are_called_and_have_not_begun_are_none_of_what_ran(redis: TextRedis) -> None:
    at = AtGates(redis, [one_at_a_time(8)])
    for one in range(12):
        await at.arrive(str(one))
    for one in range(4):
        await at.end(str(one), hands.sent(str(one), 1))

    await at.end("4", later())

    assert await redis.get(keys.gate(REQUESTS, "width")) == "2"


async def test_many_refusals_of_one_second_halve_it_once(redis: TextRedis) -> None:
    at = AtGates(redis, [one_at_a_time(100)])
    for one in range(8):
        await at.arrive(str(one))

    for one in range(4):
        await at.end(str(one), later())
    assert await redis.get(keys.gate(REQUESTS, "width")) == "4"
    await redis.pexpire(keys.gate(REQUESTS, "width"), 598_000)
    await at.end("4", later())

    assert await redis.get(keys.gate(REQUESTS, "width")) == "2"


async def test_it_is_never_narrower_than_one(narrow: AtGates) -> None:
    await narrow.arrive("a")
    await narrow.end("a", later())

    assert await narrow.arrive("b") is Begun.BEGUN


async def test_acceptances_widen_a_narrow_gate_until_it_is_as_wide_as_configured(redis: TextRedis) -> None:
    at = AtGates(redis, [one_at_a_time(3)])
    for one in range(3):
        await at.arrive(str(one))
    await at.end("0", later())
    for one in (1, 2):
        await at.end(str(one), hands.sent(str(one), 1))

    widths = []
    for one in range(10, 14):
        await at.arrive(str(one))
        await at.end(str(one), hands.sent(str(one), 1))
        widths.append(await redis.get(keys.gate(REQUESTS, "width")))

    assert [width and round(float(width), 2) for width in widths] == [2.0, 2.5, 2.9, 3.24]
    await at.arrive("next")
    assert await redis.exists(keys.gate(REQUESTS, "width")) == 0


async def test_those_that_waited_widen_a_narrow_gate_like_all_others(redis: TextRedis) -> None:
    at = AtGates(redis, [one_at_a_time(4)])
    for job_id in ("a", "b", "c", "d", "e", "f", "g"):
        await at.arrive(job_id)
    await at.end("a", later())
    for job_id in ("b", "c", "d"):
        await at.end(job_id, hands.sent(job_id, 1))
    assert await at.nudged() == {"e", "f"}
    await at.come("e")

    await at.end("e", hands.sent("e", 1))
    assert await redis.get(keys.gate(REQUESTS, "width")) == "2.5"
    await at.come("f")
    await at.come("g")
    await at.end("f", hands.sent("f", 1))
    await at.end("g", hands.sent("g", 1))

    assert float(await redis.get(keys.gate(REQUESTS, "width"))) > 3


@pytest.mark.parametrize("result", [FULL_QUEUE, DAILY_CAP, REFUSED])
async def test_what_says_nothing_about_concurrency_narrows_nothing(
    narrow: AtGates, redis: TextRedis, result: AttemptResult
) -> None:
    await narrow.arrive("a")

    await narrow.end("a", later(result))

    assert await redis.exists(keys.gate(REQUESTS, "width")) == 0


async def test_a_wait_at_a_gate_uses_no_budget_and_no_attempt(narrow: AtGates, redis: TextRedis) -> None:
    await narrow.arrive("a")
    await narrow.arrive("b")
    await narrow.end("a", hands.sent("a", 1))
    await narrow.come("b")

    record = await redis.hgetall(keys.job("b"))
    assert (record["attempts"], record["state"]) == ("1", JobState.DISPATCHING)
    assert not {"throttled_ms", "retries"} & record.keys()
    assert [name for name in record if name.startswith("gate_")] == ["gate_rank"]


async def test_one_that_the_provider_told_to_come_later_is_not_behind_those_that_came_after_it(
    narrow: AtGates, redis: TextRedis
) -> None:
    for job_id in ("a", "b", "c", "d"):
        await narrow.arrive(job_id)
    await narrow.end("a", hands.sent("a", 1))
    await narrow.come("b")
    await narrow.end("b", moves.retry_later(timedelta(0), throttled_ms=5, retries=1).ending(1, CROWDED, 5))
    await narrow.come("c")
    await narrow.journal.move_due(50)

    await narrow.come("b")

    assert await narrow.waiting() == ["b", "d"]


async def test_the_budget_for_later_does_not_run_while_a_job_waits(narrow: AtGates, redis: TextRedis) -> None:
    await narrow.arrive("a")
    throttled_ms = await now_ms(redis) - 500
    await narrow.end("a", moves.retry_later(timedelta(0), throttled_ms=throttled_ms, retries=1).ending(1, CROWDED, 5))
    await narrow.arrive("b")
    await narrow.journal.move_due(50)
    assert await narrow.come("a") == AT_REQUESTS
    await redis.hincrby(keys.job("a"), "gate_ms", -60_000)

    await narrow.end("b", hands.sent("b", 1))

    moved_by = int(await redis.hget(keys.job("a"), "throttled_ms")) - throttled_ms
    assert 60_000 <= moved_by <= 70_000
