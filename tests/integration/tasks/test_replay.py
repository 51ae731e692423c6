"""Another life for a job: who gets one, what it keeps, and how it goes on."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from providers.faults import Fault
from providers.protocol import LookupAnswer
from senders.audit_log import AuditLog, Wanted
from senders.model import CountryLimit, Policy
from tasks import moves
from tasks.journal import Journal
from tasks.replay import MOST_REPLAYS, Refused, Replays, Requeued, Terms
from tests.support.flow import (
    ABSENT,
    ACCEPTED,
    SILENT,
    UNKNOWN,
    StaticConfigurations,
    config,
    refused,
    syniverse,
    worker,
)
from tests.support.in_hand import REFUSED, end, failed, held_unknown, in_hand, sent
from tests.support.journal import TextRedis, cancel, enqueue, now_ms, nudges, snapshot
from tests.support.places import contradictions, picture
from trunkline_client import keys
from trunkline_client.words import JobState

pytestmark = pytest.mark.integration

PLAIN, UNKNOWN_TOO, ANEW = Terms(), Terms(unknown=True), Terms(ttl=timedelta(minutes=10))
QUEUED = Requeued("job-1", JobState.QUEUED)


@pytest.fixture
def replays(redis: TextRedis) -> Replays:
    tokens = count()
    return Replays(redis, actor="ops@x", new_token=lambda: str(next(tokens)))


async def reason(replays: Replays, terms: Terms = PLAIN) -> str:
    result = await replays.replay("job-1", terms)
    assert isinstance(result, Refused)
    return result.reason


async def test_a_failed_job_starts_again_at_its_tenants_own_account(redis: TextRedis, replays: Replays) -> None:
    one = worker(redis, config(), twilio=[refused(Fault.AUTH), ACCEPTED], syniverse=[refused(Fault.GEO)])
    await enqueue(redis)
    await one.serve()

    assert await replays.replay("job-1", PLAIN) == QUEUED
    await one.serve()

    status = await one.status()
    assert (status["state"], status["fault"], status["maybe_twice"]) == ("sent", None, False)
    assert [one["sender"] for one in status["attempts"]] == ["acme-twilio", "acme-syniverse", "acme-twilio"]


async def test_a_replay_leaves_no_trace_of_the_end(redis: TextRedis, journal: Journal, replays: Replays) -> None:
    await failed(redis, journal)

    await replays.replay("job-1", PLAIN)

    record = await redis.hgetall(keys.job("job-1"))
    assert {"finished_ms", "fault", "chain"} & record.keys() == set()
    assert (record["first_attempt"], record["step"], record["replays"]) == ("2", "0", "1")
    assert await redis.ttl(keys.job("job-1")) == -1
    assert await redis.zcard(keys.DEAD) == await redis.zcard(keys.FORGET) == 0
    assert contradictions(await picture(redis), lane_window=64, head_starts=16) == []


async def test_the_chain_is_resolved_afresh(redis: TextRedis, replays: Replays) -> None:
    one = worker(redis, config(syniverse("old")), syniverse=[refused(Fault.GEO), ACCEPTED])
    await enqueue(redis)
    await one.serve()
    one.services = replace(one.services, configurations=StaticConfigurations(config(syniverse("new"))))

    await replays.replay("job-1", PLAIN)
    await one.serve()

    assert (await one.status())["sender"] == "new"


async def test_a_country_that_was_closed_since_is_closed_to_a_replay(redis: TextRedis, replays: Replays) -> None:
    one = worker(redis, config(syniverse()), syniverse=[refused(Fault.GEO)])
    await enqueue(redis)
    await one.serve()
    closed = Policy("default", country_limit=CountryLimit(allow=frozenset({"GB"})))
    one.services = replace(one.services, configurations=StaticConfigurations(config(policy=closed)))

    await replays.replay("job-1", PLAIN)
    await one.serve()

    status = await one.status()
    assert (status["state"], status["rule"], one.twilio.sent) == ("rejected", "country", [])


async def test_of_two_operators_at_once_one_requeues_and_the_other_is_told(
    redis: TextRedis, journal: Journal, replays: Replays
) -> None:
    await failed(redis, journal)

    results = await asyncio.gather(replays.replay("job-1", PLAIN), replays.replay("job-1", PLAIN))

    assert sorted(results, key=str) == [Refused("job-1", "not failed (queued)"), QUEUED]
    assert await nudges(redis) == ["job-1", "job-1"]  # that of the first life, and that of the second


async def test_the_same_replay_again_changes_nothing(redis: TextRedis, journal: Journal) -> None:
    await failed(redis, journal)
    repeated = Replays(redis, actor="ops@x", new_token=lambda: "t")
    await repeated.replay("job-1", PLAIN)
    before = await snapshot(redis)

    assert await repeated.replay("job-1", PLAIN) == QUEUED
    assert await snapshot(redis) == before


async def test_looking_changes_nothing(redis: TextRedis, journal: Journal, replays: Replays) -> None:
    await failed(redis, journal)
    before = await snapshot(redis)

    assert await replays.look("job-1", PLAIN) == QUEUED
    assert await snapshot(redis) == before


async def test_every_replay_is_in_the_audit(redis: TextRedis, journal: Journal, replays: Replays) -> None:
    await failed(redis, journal)
    await replays.replay("job-1", PLAIN)

    (entry,) = await AuditLog(redis).newest(Wanted(tenant="acme", action="job.replayed"), 10)
    assert (entry.event.actor, entry.event.subject) == ("ops@x", "job-1")
    assert [(one.field, one.before, one.after) for one in entry.event.changes] == [("state", "failed", "queued")]


async def test_what_is_not_there_in_hand_or_cancelled_is_refused(
    redis: TextRedis, journal: Journal, replays: Replays
) -> None:
    assert await reason(replays) == "no such job"
    await in_hand(redis, journal)
    assert await reason(replays, UNKNOWN_TOO) == "not failed (dispatching)"
    await cancel(redis)
    assert await reason(replays, UNKNOWN_TOO) == "not failed (cancelled)"


async def test_what_was_sent_is_refused_on_any_terms(redis: TextRedis, replays: Replays) -> None:
    await enqueue(redis)
    await worker(redis, config()).serve()

    assert await reason(replays, Terms(unknown=True, ttl=timedelta(hours=1))) == "not failed (sent)"


@pytest.mark.parametrize("terms", [PLAIN, UNKNOWN_TOO])
async def test_what_opted_out_is_refused_on_any_terms(
    redis: TextRedis, journal: Journal, replays: Replays, terms: Terms
) -> None:
    await failed(redis, journal, refused(Fault.UNSUBSCRIBED))

    assert await reason(replays, terms) == "the recipient opted out"


async def test_what_may_have_been_sent_needs_consent_and_keeps_a_mark(redis: TextRedis, replays: Replays) -> None:
    one = worker(redis, config(syniverse()), syniverse=[UNKNOWN, ACCEPTED])
    one.syniverse.lookups = [SILENT]
    await enqueue(redis)
    await one.serve()

    assert await reason(replays) == "may have been sent: --unknown takes it all the same"
    assert await replays.replay("job-1", UNKNOWN_TOO) == QUEUED
    await one.serve()

    status = await one.status()
    assert (status["state"], status["maybe_twice"], status["maybe_sent"]) == ("sent", True, False)


async def test_an_attempt_proven_absent_needs_consent_and_leaves_no_mark(redis: TextRedis, replays: Replays) -> None:
    one = worker(redis, config(syniverse()), syniverse=[UNKNOWN, ACCEPTED])
    await enqueue(redis)
    await one.serve()

    assert await reason(replays) == "may have been sent: --unknown takes it all the same"
    await replays.replay("job-1", UNKNOWN_TOO)
    await one.serve()

    assert ((await one.status())["state"], (await one.status())["maybe_twice"]) == ("sent", False)


async def test_a_life_that_is_over_needs_another(redis: TextRedis, journal: Journal, replays: Replays) -> None:
    await failed(redis, journal)
    await redis.hset(keys.job("job-1"), "expires_ms", 1)

    assert await reason(replays) == "its life is over: --ttl gives it another"
    assert await replays.replay("job-1", ANEW) == QUEUED
    life_ms = int(await redis.hget(keys.job("job-1"), "expires_ms")) - await now_ms(redis)
    assert 500_000 < life_ms <= 600_000


async def test_an_expired_job_can_have_another_life(redis: TextRedis, journal: Journal, replays: Replays) -> None:
    await end(journal, await in_hand(redis, journal), moves.expired())

    assert await reason(replays) == "its life is over: --ttl gives it another"
    assert await replays.replay("job-1", ANEW) == QUEUED


async def test_a_job_is_not_replayed_for_ever(redis: TextRedis, journal: Journal, replays: Replays) -> None:
    one = worker(redis, config(syniverse()), syniverse=[refused(Fault.GEO)])
    await enqueue(redis)
    for _ in range(MOST_REPLAYS):
        await one.serve()
        assert await replays.replay("job-1", PLAIN) == QUEUED
    await one.serve()

    assert await reason(replays) == "replayed 5 times already"


async def test_a_job_without_content_cannot_be_sent_again(redis: TextRedis, journal: Journal, replays: Replays) -> None:
    await failed(redis, journal)
    await redis.hdel(keys.job("job-1"), "content")

    assert await reason(replays) == "its content is gone"


@pytest.mark.parametrize(
    ("lookups", "state", "sender"),
    [
        ([LookupAnswer(good=True, candidates=("SM9",))], "sent", "acme-twilio"),
        ([ABSENT], "sent", "acme-syniverse"),
        ([SILENT], "held", None),
    ],
    ids=["found", "absent", "nobody knows"],
)
async def test_a_held_job_is_asked_about_once_more(
    redis: TextRedis, replays: Replays, lookups: list[LookupAnswer], state: str, sender: str | None
) -> None:
    one = worker(redis, config(), twilio=[UNKNOWN])
    one.twilio.lookups = [SILENT]
    await enqueue(redis, options={"on_unknown": "hold"})
    await one.serve()
    assert await reason(replays) == "held: --unknown asks once more, `trunkline jobs settle` ends it"

    one.twilio.lookups = lookups
    assert await replays.replay("job-1", UNKNOWN_TOO) == Requeued("job-1", JobState.RECONCILING)
    await one.serve()

    status = await one.status()
    assert (status["state"], status["sender"], status["maybe_twice"]) == (state, sender, False)


async def test_after_a_day_a_message_could_be_anybodys_so_the_provider_is_not_asked(
    redis: TextRedis, replays: Replays
) -> None:
    one = worker(redis, config(), twilio=[UNKNOWN])
    one.twilio.lookups = [SILENT]
    await enqueue(redis, options={"on_unknown": "hold"})
    await one.serve()
    attempt = json.loads(await redis.hget(keys.job("job-1"), "attempt:1"))
    attempt["started_ms"] -= 24 * 3_600_000
    await redis.hset(keys.job("job-1"), "attempt:1", json.dumps(attempt))
    one.twilio.asked.clear()

    await replays.replay("job-1", UNKNOWN_TOO)
    await one.serve()

    assert ((await one.status())["state"], one.twilio.asked) == ("held", [])


async def test_a_job_held_before_any_call_is_simply_requeued(
    redis: TextRedis, journal: Journal, replays: Replays
) -> None:
    await end(journal, await in_hand(redis, journal), moves.held())

    assert await replays.replay("job-1", UNKNOWN_TOO) == QUEUED
    assert await redis.zcard(keys.HELD) == 0


async def test_a_late_acceptance_of_an_earlier_life_ends_the_replayed_job(
    redis: TextRedis, journal: Journal, replays: Replays
) -> None:
    first = await held_unknown(redis, journal)
    await replays.replay("job-1", UNKNOWN_TOO)

    await end(journal, first, sent())

    assert await redis.hmget(keys.job("job-1"), "state", "maybe_twice") == ["sent", None]
    assert contradictions(await picture(redis), lane_window=64, head_starts=16) == []


async def test_the_end_of_the_first_life_sent_again_does_not_end_the_second(
    redis: TextRedis, journal: Journal, replays: Replays
) -> None:
    claimed = await failed(redis, journal)
    await replays.replay("job-1", PLAIN)
    before = await snapshot(redis)

    await end(journal, claimed, moves.failed(Fault.AUTH).ending(1, REFUSED, 5))

    assert await snapshot(redis) == before
    assert json.loads((await snapshot(redis))["tl:job:job-1"][0]["attempt:1"])["id"] == "job-1.a1"
