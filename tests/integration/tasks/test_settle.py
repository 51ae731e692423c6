"""What an operator says of a held job ends it, is in the audit, and gives way to what a provider says later."""

from __future__ import annotations

import pytest

from senders.audit_log import AuditLog, Wanted
from tasks import moves
from tasks.journal import Journal
from tasks.settle import NotSettled, WasNotSent, WasSent, settle
from tests.support.in_hand import REFUSED, UNKNOWN, begin, claim, end, held_unknown, in_hand, sent
from tests.support.journal import TextRedis, snapshot
from trunkline_client import keys
from trunkline_client.record import Status, status_of
from trunkline_client.words import JobState

pytestmark = pytest.mark.integration

ACCOUNT = "AC" + "0" * 32


async def settled(redis: TextRedis, ending: WasSent | WasNotSent, token: str = "t1") -> JobState:
    return await settle(redis, "job-1", ending, actor="ops@x", token=token)


async def status(redis: TextRedis) -> Status:
    found = status_of("job-1", await redis.hgetall(keys.job("job-1")))
    assert found is not None
    return found


async def test_a_job_that_was_sent_ends_with_its_sender_its_account_and_its_message(
    redis: TextRedis, journal: Journal
) -> None:
    await held_unknown(redis, journal)

    assert await settled(redis, WasSent(provider_id="SM9")) is JobState.SENT

    found = await status(redis)
    assert (found["sender"], found["account"], found["provider_id"]) == ("acme-twilio", ACCOUNT, "SM9")
    assert (found["attempts"][0]["outcome"], found["attempts"][0]["code"]) == ("accepted", "settled")
    assert await redis.get(keys.provider_message(ACCOUNT, "SM9")) == "job-1.a1"
    assert not await redis.hexists(keys.job("job-1"), "content")
    assert not await redis.smembers(keys.unsettled("acme"))


async def test_a_job_that_was_sent_keeps_its_sealed_content_where_the_setting_says_so(
    redis: TextRedis, journal: Journal
) -> None:
    await held_unknown(redis, journal)

    await settled(redis, WasSent(keep_content=True))

    assert await redis.hget(keys.job("job-1"), "content") == "f1:x"


async def test_a_job_that_was_not_sent_fails_without_a_doubt_left(redis: TextRedis, journal: Journal) -> None:
    await held_unknown(redis, journal)
    await redis.hset(keys.job("job-1"), "maybe_twice", "1")

    assert await settled(redis, WasNotSent()) is JobState.FAILED

    found = await status(redis)
    assert (found["fault"], found["maybe_sent"], found["maybe_twice"]) == ("unavailable", False, False)
    assert (found["attempts"][0]["outcome"], found["attempts"][0]["code"]) == ("refused", "settled")
    assert await redis.zrange(keys.DEAD, 0, -1) == ["job-1"]


@pytest.mark.parametrize("ending", [WasSent(provider_id="SM9"), WasNotSent()])
async def test_the_same_settlement_again_changes_nothing(
    redis: TextRedis, journal: Journal, ending: WasSent | WasNotSent
) -> None:
    await held_unknown(redis, journal)
    first = await settled(redis, ending)
    before = await snapshot(redis)

    assert await settled(redis, ending) is first
    assert await snapshot(redis) == before


async def test_the_audit_tells_who_settled_what_and_how_it_was_before(redis: TextRedis, journal: Journal) -> None:
    await held_unknown(redis, journal)
    await settled(redis, WasSent(provider_id="SM9"))

    (entry,) = await AuditLog(redis).newest(Wanted(tenant="acme", actor="ops@x", action="job.settled"), 10)
    assert entry.event.subject == "job-1"
    assert [(one.field, one.before, one.after) for one in entry.event.changes] == [
        ("state", "held", "sent"),
        ("provider_id", None, "SM9"),
        ("attempts[1]", "unknown", "accepted"),
    ]


async def test_a_name_with_quotes_and_slashes_is_in_the_audit_as_it_is(redis: TextRedis, journal: Journal) -> None:
    await held_unknown(redis, journal)
    await settle(redis, "job-1", WasNotSent(), actor='é "a/b"', token="t")

    assert len(await AuditLog(redis).newest(Wanted(actor='é "a/b"'), 10)) == 1


async def two_unknown(redis: TextRedis, journal: Journal) -> None:
    """Leave a held job with two attempts nobody knows the outcome of, and a refused one."""
    claimed = await in_hand(redis, journal)
    for number, result in enumerate((UNKNOWN, REFUSED, UNKNOWN), start=1):
        await begin(journal, claimed, number)
        await end(journal, claimed, moves.stay().ending(number, result, 5))
    await end(journal, claimed, moves.held())


async def test_of_several_unknown_attempts_the_operator_names_the_one(redis: TextRedis, journal: Journal) -> None:
    await two_unknown(redis, journal)

    with pytest.raises(NotSettled, match=r"attempts 1, 3: say with --attempt"):
        await settled(redis, WasSent())
    await settled(redis, WasSent(attempt=3))

    assert [one["outcome"] for one in (await status(redis))["attempts"]] == ["unknown", "refused", "accepted"]


@pytest.mark.parametrize("attempt", [2, 4])
async def test_an_attempt_that_was_refused_or_not_made_cannot_have_been_sent(
    redis: TextRedis, journal: Journal, attempt: int
) -> None:
    await two_unknown(redis, journal)
    before = await snapshot(redis)

    with pytest.raises(NotSettled, match=f"attempt {attempt} cannot have been sent"):
        await settled(redis, WasSent(attempt=attempt))
    assert await snapshot(redis) == before


async def test_a_job_held_before_any_call_cannot_have_been_sent_but_can_fail(
    redis: TextRedis, journal: Journal
) -> None:
    await end(journal, await in_hand(redis, journal), moves.held())

    with pytest.raises(NotSettled, match="no attempt of it can have been sent"):
        await settled(redis, WasSent())
    assert await settled(redis, WasNotSent()) is JobState.FAILED


async def test_a_message_that_settled_another_attempt_settles_no_second_one(redis: TextRedis, journal: Journal) -> None:
    await held_unknown(redis, journal)
    await redis.set(keys.provider_message(ACCOUNT, "SM9"), "job-2.a1")

    with pytest.raises(NotSettled, match=r"the one of attempt job-2\.a1"):
        await settled(redis, WasSent(provider_id="SM9"))
    assert (await status(redis))["state"] == "held"


async def test_what_is_not_held_is_refused_with_its_state(redis: TextRedis, journal: Journal) -> None:
    with pytest.raises(NotSettled, match="there is no such job"):
        await settled(redis, WasNotSent())
    claimed = await in_hand(redis, journal)
    with pytest.raises(NotSettled, match="it is not held, but dispatching"):
        await settled(redis, WasNotSent())
    await end(journal, claimed, moves.failed(REFUSED.fault))  # type: ignore[arg-type]
    with pytest.raises(NotSettled, match="it is not held, but failed"):
        await settled(redis, WasNotSent())


async def test_a_job_that_is_looked_up_ends_by_itself(redis: TextRedis, journal: Journal) -> None:
    claimed = await in_hand(redis, journal)
    await begin(journal, claimed)
    await redis.zadd(keys.LEASES, {"job-1": 1})
    await journal.sweep(10, 0)

    with pytest.raises(NotSettled, match="being looked up, which ends by itself"):
        await settled(redis, WasNotSent())


async def test_an_acceptance_that_comes_after_the_operators_no_still_counts(redis: TextRedis, journal: Journal) -> None:
    first = await held_unknown(redis, journal)
    await settled(redis, WasNotSent())

    await end(journal, first, sent())

    found = await status(redis)
    assert (found["state"], found["provider_id"], found["fault"]) == ("sent", "SM1", None)
    assert await redis.zcard(keys.DEAD) == 0


async def test_an_acceptance_that_comes_after_the_operators_yes_names_the_message(
    redis: TextRedis, journal: Journal
) -> None:
    first = await held_unknown(redis, journal)
    await settled(redis, WasSent())

    await end(journal, first, sent())

    found = await status(redis)
    assert (found["state"], found["provider_id"], found["maybe_twice"]) == ("sent", "SM1", False)


async def test_a_refusal_that_comes_after_the_operators_yes_changes_nothing(redis: TextRedis, journal: Journal) -> None:
    first = await held_unknown(redis, journal)
    await settled(redis, WasSent())
    before = await snapshot(redis)

    await end(journal, first, moves.failed(REFUSED.fault).ending(1, REFUSED, 5))  # type: ignore[arg-type]

    assert await snapshot(redis) == before


async def test_a_late_refusal_sends_a_held_job_on_without_an_operator(redis: TextRedis, journal: Journal) -> None:
    first = await held_unknown(redis, journal)

    await end(journal, first, moves.failed(REFUSED.fault).ending(1, REFUSED, 5))  # type: ignore[arg-type]

    assert await redis.hmget(keys.job("job-1"), "state", "place") == ["reconciling", "delayed"]
    await journal.move_due(10)
    assert (await claim(redis, journal, "worker:c")).record.attempts[0].outcome is REFUSED.outcome
