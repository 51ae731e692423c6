"""Attempts and their ends in the journal, on a real server; every script is also run twice."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from providers.faults import Fault, Outcome, ruling
from providers.protocol import AttemptResult, Origin, OriginType
from tasks import moves
from tasks.attempt_json import Uncalled, attempt_json, uncalled_json
from tasks.journal import Begun, Binding, Claimed, Journal, Waits
from tasks.moves import Move
from tests.support.flow import twilio
from tests.support.hands import fallback
from tests.support.journal import TextRedis, enqueue, nudges, snapshot
from trunkline_client import keys
from trunkline_client.words import JobState, Lane

pytestmark = pytest.mark.integration

ACCEPTED = AttemptResult(outcome=Outcome.ACCEPTED, provider_id="SM1")
REFUSED = AttemptResult(outcome=Outcome.REFUSED, ruling=ruling(Fault.AUTH), code="20003", http_status=401)
UNKNOWN = AttemptResult(outcome=Outcome.UNKNOWN, code="read_timeout")
SENT = moves.sent(
    sender="acme-twilio", provider="twilio", account="AC1", provider_id="SM1", attempt_id="job-1.a1", keep_content=False
)
CHAIN = ("acme-twilio", "acme-syniverse")
TWINS = keys.calling("of-job-1")


@pytest.fixture
async def claimed(redis: TextRedis, journal: Journal) -> Claimed:
    await enqueue(redis)
    claimed = await journal.claim("job-1", "1", "worker:a")
    assert isinstance(claimed, Claimed)
    return claimed


async def begin(journal: Journal, claimed: Claimed, number: int = 1) -> Begun | Waits:
    origin = Origin(OriginType.NUMBER, "+12015550100")
    attempt = attempt_json("job-1", number, twilio(), origin, claimed.now_ms)
    return await journal.begin_attempt(claimed, number, attempt, chain=CHAIN, least_life_ms=5_000, twins=TWINS)


async def job(redis: TextRedis) -> dict[str, Any]:
    record: dict[str, Any] = await redis.hgetall(keys.job("job-1"))
    return record


async def test_an_attempt_is_recorded_before_its_call(redis: TextRedis, journal: Journal, claimed: Claimed) -> None:
    assert await begin(journal, claimed) is Begun.BEGUN

    record = await job(redis)
    assert json.loads(record["attempt:1"])["sender"] == "acme-twilio"
    assert json.loads(record["chain"]) == list(CHAIN)
    assert record["open"] == "1"


async def test_beginning_an_attempt_again_changes_nothing_else(
    redis: TextRedis, journal: Journal, claimed: Claimed
) -> None:
    await begin(journal, claimed)
    before = await snapshot(redis)

    assert await begin(journal, claimed) is Begun.BEGUN
    assert await snapshot(redis) == before


async def test_without_the_lease_no_attempt_begins(redis: TextRedis, journal: Journal, claimed: Claimed) -> None:
    await redis.hset(keys.job("job-1"), "lease_ms", 1)

    assert await begin(journal, claimed) is Begun.LOST
    assert "attempt:1" not in await job(redis)


async def test_with_too_little_life_left_no_attempt_begins(
    redis: TextRedis, journal: Journal, claimed: Claimed
) -> None:
    await redis.hset(keys.job("job-1"), "expires_ms", claimed.now_ms + 4_000)

    assert await begin(journal, claimed) is Begun.EXPIRED
    assert "attempt:1" not in await job(redis)


async def test_an_accepted_job_is_sent_and_its_content_erased(
    redis: TextRedis, journal: Journal, claimed: Claimed
) -> None:
    await begin(journal, claimed)

    state = await journal.finish(claimed, SENT.ending(1, ACCEPTED, 5), sealed_content=None)

    record = await job(redis)
    assert state is JobState.SENT
    assert "content" not in record
    assert len(record["digest"]) == 4
    assert record["provider_id"] == "SM1"
    assert await redis.get(keys.provider_message("AC1", "SM1")) == "job-1.a1"
    assert await redis.ttl(keys.job("job-1")) > 0


MOVES = {
    "stay": moves.stay(),
    "sent": SENT,
    "failed": moves.failed(Fault.AUTH),
    "expired": moves.expired(),
    "requeue": fallback(),
    "retry": moves.retry_later(timedelta(seconds=1), throttled_ms=5, retries=1),
    "look up": moves.look_up_later(timedelta(seconds=1), moves.unknown_fields(1, 5)),
    "held": moves.held(),
}


@pytest.mark.parametrize("name", MOVES)
async def test_a_finish_sent_again_changes_nothing(
    redis: TextRedis, journal: Journal, claimed: Claimed, name: str
) -> None:
    result = ACCEPTED if name == "sent" else UNKNOWN if name == "look up" else REFUSED
    move: Move = MOVES[name].ending(1, result, 5)
    await begin(journal, claimed)
    first = await journal.finish(claimed, move, sealed_content=None)
    before = without_clocks(await snapshot(redis))

    assert first is not None
    assert await journal.finish(claimed, move, sealed_content=None) is first
    assert without_clocks(await snapshot(redis)) == before


async def test_a_turn_to_the_same_sender_that_arrives_after_its_attempt_began_changes_nothing(
    redis: TextRedis, journal: Journal, claimed: Claimed
) -> None:
    await begin(journal, claimed)
    unknown = moves.look_up_later(timedelta(0), moves.unknown_fields(1, 5)).ending(1, UNKNOWN, 5)
    await journal.finish(claimed, unknown, sealed_content=None)
    await journal.move_due(10)
    asking = await journal.claim("job-1", "2", "worker:b")
    assert isinstance(asking, Claimed)
    await journal.finish(asking, moves.same_sender_again(), sealed_content=None)
    await begin(journal, asking, 2)
    before = without_clocks(await snapshot(redis))

    assert await journal.finish(asking, moves.same_sender_again(), sealed_content=None) is None
    assert without_clocks(await snapshot(redis)) == before


def without_clocks(database: dict[str, Any]) -> dict[str, Any]:
    """A kept lease moves with the clock; nothing else may."""
    record = dict(database["tl:job:job-1"][0])
    record.pop("lease_ms", None)
    return {**database, "tl:job:job-1": record, keys.LEASES: len(database.get(keys.LEASES, [[]])[0])}


async def test_a_refused_job_goes_to_the_fallback_queue_with_its_lane_as_priority(
    redis: TextRedis, journal: Journal, claimed: Claimed
) -> None:
    await begin(journal, claimed)
    move = fallback()

    await journal.finish(claimed, move.ending(1, REFUSED, 5), sealed_content="sealed:x")

    message = json.loads((await redis.lrange("fallback.syniverse\x06\x163", 0, -1))[0])
    assert message["properties"]["priority"] == 3
    assert message["headers"]["id"] == "job-1.2"
    assert (await job(redis))["content"] == "sealed:x"
    assert (await job(redis))["step"] == "1"


async def test_a_failed_job_is_in_the_dead_letter_view(redis: TextRedis, journal: Journal, claimed: Claimed) -> None:
    await begin(journal, claimed)

    await journal.finish(claimed, moves.failed(Fault.AUTH).ending(1, REFUSED, 5), sealed_content="sealed:x")

    assert await redis.zrange(keys.DEAD, 0, -1) == ["job-1"]
    assert (await job(redis))["fault"] == "auth"


async def test_the_attempt_of_a_dead_worker_becomes_unknown_and_is_looked_up(
    redis: TextRedis, journal: Journal, claimed: Claimed
) -> None:
    await begin(journal, claimed)
    await redis.zadd(keys.LEASES, {"job-1": 1})

    assert (await journal.sweep(10, 10_000)).orphaned == 1
    await journal.move_due(10)
    again = await journal.claim("job-1", "2", "worker:b")

    assert isinstance(again, Claimed)
    assert again.record.reconciling == 1
    assert again.record.worker_lost
    assert again.record.attempts[0].outcome is Outcome.UNKNOWN


async def test_a_late_acceptance_settles_the_job_whatever_the_fence(
    redis: TextRedis, journal: Journal, claimed: Claimed
) -> None:
    await begin(journal, claimed)
    await redis.zadd(keys.LEASES, {"job-1": 1})
    await journal.sweep(10, 10_000)

    late = SENT.ending(1, ACCEPTED, 5)
    assert await journal.finish(claimed, late, sealed_content=None) is None

    assert (await job(redis))["state"] == "sent"
    assert await redis.zcard(keys.DELAYED) == 0
    before = await snapshot(redis)
    await journal.finish(claimed, late, sealed_content=None)
    assert await snapshot(redis) == before


async def test_a_late_refusal_makes_the_lookup_due_at_once(
    redis: TextRedis, journal: Journal, claimed: Claimed
) -> None:
    await begin(journal, claimed)
    await redis.zadd(keys.LEASES, {"job-1": 1})
    await journal.sweep(10, 10_000)
    await redis.zadd(keys.DELAYED, {"job-1": 9e15})

    await journal.finish(claimed, moves.failed(Fault.AUTH).ending(1, REFUSED, 5), sealed_content=None)

    assert (await journal.move_due(10))[0] == 1
    assert json.loads((await job(redis))["result:1"])["fault"] == "auth"


async def test_a_lookup_is_served_before_the_jobs_that_wait(
    redis: TextRedis, journal: Journal, claimed: Claimed
) -> None:
    await begin(journal, claimed)
    await redis.delete("dispatch.normal")
    await enqueue(redis, "job-2")
    move = moves.look_up_later(timedelta(0), moves.unknown_fields(1, 5))
    await journal.finish(claimed, move.ending(1, REFUSED, 5), sealed_content=None)

    await journal.move_due(10)

    assert await nudges(redis) == ["job-1", "job-2"]


async def test_a_provider_message_settles_at_most_one_attempt(journal: Journal) -> None:
    async def bound(account: str, candidates: tuple[str, ...], attempt: str) -> str | None:
        return (await journal.bind(account, candidates, attempt)).provider_id

    assert await bound("AC1", ("SM1",), "job-1.a1") == "SM1"
    assert await bound("AC1", ("SM1",), "job-1.a1") == "SM1"
    assert await bound("AC1", ("SM1",), "job-2.a1") is None
    assert await bound("AC1", ("SM1", "SM2"), "job-2.a1") == "SM2"
    assert await bound("AC2", ("SM1",), "job-3.a1") == "SM1"


async def test_a_message_that_a_running_call_may_have_sent_is_left_to_it(
    redis: TextRedis, journal: Journal, claimed: Claimed
) -> None:
    await begin(journal, claimed)

    assert await journal.bind("AC1", ("SM1",), "job-2.a1", twins=TWINS) == Binding(is_contested=True)
    assert await journal.bind("AC1", ("SM1",), "job-2.a1", twins="tl:calling:others") == Binding("SM1")

    await journal.finish(claimed, SENT.ending(1, ACCEPTED, 5), sealed_content=None)

    assert await journal.bind("AC1", ("SM2",), "job-2.a1", twins=TWINS) == Binding("SM2")


async def test_a_dead_workers_call_no_longer_stands_in_the_way_once_its_lease_is_over(
    redis: TextRedis, journal: Journal, claimed: Claimed
) -> None:
    await begin(journal, claimed)
    await redis.zadd(keys.LEASES, {"job-1": 1})

    await journal.sweep(10, 0)

    assert await journal.bind("AC1", ("SM1",), "job-1.a1", twins=TWINS) == Binding("SM1")
    assert not await redis.exists(TWINS)


async def test_a_late_acceptance_whose_message_settled_another_job_settles_nothing(
    redis: TextRedis, journal: Journal, claimed: Claimed
) -> None:
    await begin(journal, claimed)
    await redis.zadd(keys.LEASES, {"job-1": 1})
    await journal.sweep(10, 0)
    assert await journal.bind("AC1", ("SM1",), "job-2.a1", twins=TWINS) == Binding("SM1")
    before = await snapshot(redis)

    assert await journal.finish(claimed, SENT.ending(1, ACCEPTED, 5), sealed_content=None) is None

    assert await snapshot(redis) == before


async def test_a_late_acceptance_whose_message_settled_the_jobs_next_attempt_marks_it(
    redis: TextRedis, journal: Journal, claimed: Claimed
) -> None:
    await begin(journal, claimed)
    await journal.finish(claimed, moves.stay().ending(1, UNKNOWN, 5), sealed_content=None)
    await begin(journal, claimed, 2)
    await journal.bind("AC1", ("SM1",), "job-1.a2", twins=TWINS)
    found = replace(SENT, extra={**SENT.extra, "attempt_id": "job-1.a2"})
    await journal.finish(claimed, found.ending(2, ACCEPTED, 5), sealed_content=None)

    await journal.finish(claimed, SENT.ending(1, ACCEPTED, 6), sealed_content=None)

    assert (await job(redis))["maybe_twice"] == "1"


async def test_renewal_prolongs_what_is_held_and_names_what_is_lost(
    redis: TextRedis, journal: Journal, claimed: Claimed
) -> None:
    await enqueue(redis, "job-2")
    other = await journal.claim("job-2", "1", "worker:a")
    assert isinstance(other, Claimed)
    await redis.hset(keys.job("job-2"), "owner", "worker:b")

    assert await journal.renew([claimed, other]) == [other]


async def test_senders_passed_without_a_call_are_recorded(redis: TextRedis, journal: Journal, claimed: Claimed) -> None:
    passed = uncalled_json("job-1", 1, Uncalled("acme-twilio", "twilio", "AC1"), 5)
    move = replace(moves.failed(Fault.NO_NUMBER), uncalled=(passed,))

    await journal.finish(claimed, move, sealed_content=None)

    record = await job(redis)
    assert record["attempts"] == "1"
    assert json.loads(record["result:1"])["fault"] == "no_number"


async def test_a_bad_submission_is_recorded_once(redis: TextRedis, journal: Journal) -> None:
    await journal.reject_unrecorded("job-1", "acme", ("to",))
    before = await snapshot(redis)
    await journal.reject_unrecorded("job-1", "acme", ("to",))

    assert await snapshot(redis) == before
    assert (await job(redis))["rule"] == "contract"


@pytest.mark.parametrize("lane", list(Lane))
async def test_every_lane_has_its_own_list(redis: TextRedis, lane: Lane) -> None:
    await enqueue(redis, lane=lane)

    assert await nudges(redis, f"dispatch.{lane}", lane) == ["job-1"]
