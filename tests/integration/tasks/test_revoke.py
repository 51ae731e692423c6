"""Revoking a nudge cancels its job if nothing was sent of it, and changes nothing otherwise."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from providers.faults import Fault
from senders.audit_log import AuditLog, Wanted
from tasks import moves
from tasks.journal import Journal
from tasks.revoke import ACTOR, Revocation, revoke
from tests.support.flow import config, refused, worker
from tests.support.hands import fallback
from tests.support.in_hand import UNKNOWN, begin, end, held_unknown, in_hand, sent
from tests.support.journal import TextRedis, cancel, enqueue, snapshot
from trunkline_client import keys

pytestmark = pytest.mark.integration

Situation = Callable[[TextRedis, Journal], Awaitable[None]]


async def test_a_waiting_job_is_cancelled_and_its_content_is_gone(redis: TextRedis, journal: Journal) -> None:
    await enqueue(redis)

    assert await revoke(redis, "job-1", "1") is Revocation.CANCELLED

    assert await redis.hmget(keys.job("job-1"), "state", "content") == ["cancelled", None]
    assert (await journal.sweep(10, 0)).total == 0


async def test_of_several_workers_the_first_cancels_and_the_others_change_nothing(redis: TextRedis) -> None:
    await enqueue(redis)
    await revoke(redis, "job-1", "1")
    before = await snapshot(redis)

    assert await revoke(redis, "job-1", "1") is Revocation.BEFORE
    assert await snapshot(redis) == before


async def test_a_cancellation_is_in_the_audit(redis: TextRedis) -> None:
    await enqueue(redis)
    await revoke(redis, "job-1", "1")

    (recorded,) = await AuditLog(redis).newest(Wanted(), 10)

    event = recorded.event
    assert (event.actor, event.action, event.tenant, event.subject) == (ACTOR, "job.revoked", "acme", "job-1")
    assert [(one.field, one.before, one.after) for one in event.changes] == [("state", "queued", "cancelled")]


async def test_a_job_in_hand_that_was_not_tried_yet_is_cancelled(redis: TextRedis, journal: Journal) -> None:
    await in_hand(redis, journal)

    assert await revoke(redis, "job-1", "1") is Revocation.CANCELLED


async def test_a_job_that_its_producer_cancelled_stays_so(redis: TextRedis) -> None:
    await enqueue(redis)
    await cancel(redis)

    assert await revoke(redis, "job-1", "1") is Revocation.BEFORE


async def test_a_job_nobody_knows_is_unknown(redis: TextRedis) -> None:
    assert await revoke(redis, "job-1", "1") is Revocation.UNKNOWN
    assert await redis.dbsize() == 0


async def being_sent(redis: TextRedis, journal: Journal) -> None:
    await begin(journal, await in_hand(redis, journal))


async def was_sent(redis: TextRedis, journal: Journal) -> None:
    claimed = await in_hand(redis, journal)
    await begin(journal, claimed)
    await end(journal, claimed, sent())


async def waits_for_a_lookup(redis: TextRedis, journal: Journal) -> None:
    claimed = await in_hand(redis, journal)
    await begin(journal, claimed)
    await end(journal, claimed, moves.look_up_later(timedelta(0), moves.unknown_fields(1, 5)).ending(1, UNKNOWN, 5))
    await journal.move_due(10)


@pytest.mark.parametrize("get_there", [being_sent, was_sent, waits_for_a_lookup])
async def test_a_job_that_may_have_been_sent_is_too_late_to_revoke(
    redis: TextRedis, journal: Journal, get_there: Situation
) -> None:
    await get_there(redis, journal)
    before = await snapshot(redis)

    assert await revoke(redis, "job-1", await redis.hget(keys.job("job-1"), "hop")) is Revocation.TOO_LATE
    assert await snapshot(redis) == before


async def is_due_later(redis: TextRedis, journal: Journal) -> None:
    await end(
        journal, await in_hand(redis, journal), moves.retry_later(timedelta(seconds=9), throttled_ms=0, retries=1)
    )


async def is_held(redis: TextRedis, journal: Journal) -> None:
    await held_unknown(redis, journal)


async def has_a_later_nudge(redis: TextRedis, journal: Journal) -> None:
    await end(journal, await in_hand(redis, journal), fallback())


@pytest.mark.parametrize("get_there", [is_due_later, is_held, has_a_later_nudge])
async def test_a_nudge_that_was_served_changes_nothing(
    redis: TextRedis, journal: Journal, get_there: Situation
) -> None:
    await get_there(redis, journal)
    before = await snapshot(redis)

    assert await revoke(redis, "job-1", "1") is Revocation.STALE
    assert await snapshot(redis) == before


async def test_a_job_that_fell_back_is_cancelled_by_its_later_nudge(redis: TextRedis, journal: Journal) -> None:
    await has_a_later_nudge(redis, journal)

    assert await revoke(redis, "job-1", "2") is Revocation.CANCELLED


async def test_the_nudge_of_a_cancelled_job_is_left(redis: TextRedis) -> None:
    one = worker(redis, config())
    await enqueue(redis)
    await revoke(redis, "job-1", "1")

    assert [report.line for report in await one.serve()] == ["left finished"]
    assert one.twilio.sent == one.syniverse.sent == []


async def test_a_job_that_fails_reports_the_fault_that_its_task_shows(redis: TextRedis) -> None:
    one = worker(redis, config(), twilio=[refused(Fault.UNSUBSCRIBED)])
    await enqueue(redis)

    (report,) = await one.serve()

    assert (report.state, report.fault) == ("failed", Fault.UNSUBSCRIBED)
