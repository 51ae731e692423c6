"""Pacing in the dispatch flow: what a pass says and does where a gate is closed."""

from __future__ import annotations

import pytest

from providers.faults import Fault, Outcome, Ruling
from providers.protocol import AttemptResult, NumberType
from senders.model import Policy, Quota, QuotaScope
from senders.pacing import Pacing
from tests.support.flow import ACCEPTED, config, refused, twilio, worker
from tests.support.journal import TextRedis, enqueue, now_ms, nudges
from trunkline_client import keys
from trunkline_client.words import Lane

pytestmark = pytest.mark.integration

ACCOUNT = twilio().account_name
REQUESTS = f"requests:{ACCOUNT}"
ONE_AT_A_TIME = Pacing(concurrent_requests=1)
SLOW_NUMBERS = Pacing(segments_per_second={NumberType.PHONE_NUMBER: 1})


async def occupy(redis: TextRedis, gate: str) -> None:
    """Let somebody else's attempt run behind a gate."""
    await redis.zadd(keys.gate(gate, "open"), {"other.a1": await now_ms(redis)})


async def leave(redis: TextRedis, gate: str) -> None:
    """Let it end."""
    await redis.delete(keys.gate(gate, "open"))
    await redis.zadd(keys.GATES_DUE, {gate: 1}, xx=True)


async def test_a_pass_that_meets_a_closed_gate_says_so_and_calls_nobody(redis: TextRedis) -> None:
    at_work = worker(redis, config(), pacing=ONE_AT_A_TIME)
    await occupy(redis, REQUESTS)
    await enqueue(redis)

    (report,) = await at_work.serve(hurry=False)

    assert report.shown() == f"waits at {REQUESTS}"
    assert (at_work.twilio.sent, at_work.syniverse.sent) == ([], [])


async def test_a_job_that_waited_is_counted_once_and_sent_by_its_own_account(redis: TextRedis) -> None:
    policy = Policy("default", quotas=(Quota(QuotaScope.TENANT, total=1),))
    at_work = worker(redis, config(policy=policy), pacing=ONE_AT_A_TIME)
    await occupy(redis, REQUESTS)
    await enqueue(redis)
    await at_work.serve(hurry=False)
    assert await redis.keys("tl:quota:*") == []

    await leave(redis, REQUESTS)
    await at_work.services.journal.move_due(10)
    (report,) = await at_work.serve(hurry=False)

    assert report.line == "sent acme-twilio"
    (counter,) = await redis.keys("tl:quota:*")
    assert "1" in (await redis.hvals(counter))
    assert len((await at_work.status())["attempts"]) == 1


async def test_an_account_that_refuses_everything_does_not_slow_its_fallbacks(redis: TextRedis) -> None:
    at_work = worker(redis, config(), pacing=SLOW_NUMBERS, twilio=[refused(Fault.AUTH)])
    for one in range(10):
        await enqueue(redis, f"job-{one}", lane=Lane.BULK)

    await at_work.serve(hurry=False)

    assert len(at_work.syniverse.sent) == 10


async def test_a_job_that_waits_for_another_number_does_not_go_back_to_the_one_whose_queue_is_full(
    redis: TextRedis,
) -> None:
    full = AttemptResult(outcome=Outcome.REFUSED, ruling=Ruling(Fault.THROTTLED, retry=True, another_number=True))
    at_work = worker(redis, config(), pacing=SLOW_NUMBERS, twilio=[ACCEPTED, full, ACCEPTED])
    await enqueue(redis, "probe", lane=Lane.URGENT)
    await at_work.serve(hurry=False)
    (first,) = (one.origin.value for one in at_work.twilio.sent)
    other = f"segments:{ACCOUNT}:{next(one.number for one in twilio().numbers if one.number != first)}"
    await redis.set(keys.gate(other, "empty"), await now_ms(redis) + 90_000)
    await enqueue(redis, lane=Lane.URGENT)
    assert [report.line for report in await at_work.serve(hurry=False)] == [f"waits at {other}"]

    await redis.delete(keys.gate(other, "empty"))
    await redis.zadd(keys.GATES_DUE, {other: 1})
    await at_work.services.journal.move_due(10)
    await at_work.serve(hurry=False)

    assert [one.origin.value for one in at_work.twilio.sent] == [first, first, other.rpartition(":")[2]]


async def test_the_fallback_waits_at_a_gate_of_its_own_and_comes_back_to_its_queue(redis: TextRedis) -> None:
    at_work = worker(redis, config(), pacing=ONE_AT_A_TIME, twilio=[refused(Fault.AUTH)], syniverse=[ACCEPTED])
    gate = "requests:acme:acme-syniverse"
    await occupy(redis, gate)
    await enqueue(redis)
    assert [report.line for report in await at_work.serve(hurry=False)] == [
        "auth -> fallback.syniverse",
        f"waits at {gate}",
    ]

    await leave(redis, gate)
    await at_work.services.journal.move_due(10)

    assert await nudges(redis, "fallback.syniverse") == ["job-1"]
    assert [report.line for report in await at_work.serve(hurry=False)] == ["sent acme-syniverse"]
