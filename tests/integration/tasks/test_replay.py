"""Another life for a job: who gets one, what it keeps, and how it goes on."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from providers.faults import Fault
from senders.audit_log import AuditLog, Wanted
from senders.model import CountryLimit, Policy
from tasks import moves
from tasks.journal import Journal
from tasks.replay import MOST_REPLAYS, Refused, Requeued, Terms
from tasks.replay_plan import read_facts
from tests.support.flow import (
    ACCEPTED,
    StaticConfigurations,
    config,
    refused,
    syniverse,
    worker,
)
from tests.support.in_hand import REFUSED, end, failed, held_unknown, in_hand, sent
from tests.support.journal import TextRedis, cancel, enqueue, now_ms, nudges, snapshot
from tests.support.places import contradictions, picture
from tests.support.replaying import ANEW, PLAIN, QUEUED, UNKNOWN_TOO, Operator, reason
from trunkline_client import keys
from trunkline_client.words import JobState, Lane

pytestmark = pytest.mark.integration


async def test_a_failed_job_starts_again_at_its_tenants_own_account(redis: TextRedis, replays: Operator) -> None:
    one = worker(redis, config(), twilio=[refused(Fault.AUTH), ACCEPTED], syniverse=[refused(Fault.GEO)])
    await enqueue(redis)
    await one.serve()

    assert await replays.replay("job-1", PLAIN) == QUEUED
    await one.serve()

    status = await one.status()
    assert (status["state"], status["fault"], status["maybe_twice"]) == ("sent", None, False)
    assert [one["sender"] for one in status["attempts"]] == ["acme-twilio", "acme-syniverse", "acme-twilio"]


async def test_a_replay_leaves_no_trace_of_the_end(redis: TextRedis, journal: Journal, replays: Operator) -> None:
    await failed(redis, journal)

    await replays.replay("job-1", PLAIN)

    record = await redis.hgetall(keys.job("job-1"))
    assert {"finished_ms", "fault", "chain"} & record.keys() == set()
    assert (record["first_attempt"], record["step"], record["replays"]) == ("2", "0", "1")
    assert await redis.ttl(keys.job("job-1")) == -1
    assert await redis.zcard(keys.DEAD) == await redis.zcard(keys.FORGET) == 0
    assert contradictions(await picture(redis), lane_window=64, head_starts=32) == []


async def test_the_chain_is_resolved_afresh(redis: TextRedis, replays: Operator) -> None:
    one = worker(redis, config(syniverse("old")), syniverse=[refused(Fault.GEO), ACCEPTED])
    await enqueue(redis)
    await one.serve()
    one.services = replace(one.services, configurations=StaticConfigurations(config(syniverse("new"))))

    await replays.replay("job-1", PLAIN)
    await one.serve()

    assert (await one.status())["sender"] == "new"


async def test_a_country_that_was_closed_since_is_closed_to_a_replay(redis: TextRedis, replays: Operator) -> None:
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
    redis: TextRedis, journal: Journal, replays: Operator
) -> None:
    await failed(redis, journal)

    results = await asyncio.gather(replays.replay("job-1", PLAIN), replays.replay("job-1", PLAIN))

    refused, requeued = sorted(results, key=str)
    assert requeued == QUEUED
    assert isinstance(refused, Refused)
    assert refused.reason in {"replayed by run-0 already (queued)", "replayed by run-1 already (queued)"}
    assert await nudges(redis) == ["job-1", "job-1"]  # that of the first life, and that of the second


async def test_the_same_replay_again_changes_nothing(redis: TextRedis, journal: Journal, replays: Operator) -> None:
    await failed(redis, journal)
    await replays.replay("job-1", PLAIN, run="r")
    before = await snapshot(redis)

    assert await replays.replay("job-1", PLAIN, run="r") == QUEUED
    assert await snapshot(redis) == before


async def test_a_run_replays_a_job_once_even_if_it_fails_again(redis: TextRedis, replays: Operator) -> None:
    one = worker(redis, config(syniverse()), syniverse=[refused(Fault.GEO)])
    await enqueue(redis)
    await one.serve()
    for run in ("r1", "r2"):
        assert await replays.replay("job-1", PLAIN, run=run) == QUEUED
        await one.serve()

    assert await replays.replay("job-1", PLAIN, run="r1") == Requeued("job-1", JobState.FAILED)

    assert len(one.syniverse.sent) == 3
    assert await redis.hmget(keys.job("job-1"), "replayed_by", "replays") == ["r1 r2", "2"]
    assert await redis.lrange(keys.replayed("r1"), 0, -1) == ["job-1"]


async def test_looking_changes_nothing(redis: TextRedis, journal: Journal, replays: Operator) -> None:
    await failed(redis, journal)
    before = await snapshot(redis)

    assert await replays.look("job-1", PLAIN) == QUEUED
    assert await snapshot(redis) == before


async def test_every_replay_is_in_the_audit(redis: TextRedis, journal: Journal, replays: Operator) -> None:
    await failed(redis, journal)
    await replays.replay("job-1", PLAIN)

    (entry,) = await AuditLog(redis).newest(Wanted(tenant="acme", action="job.replayed"), 10)
    assert (entry.event.actor, entry.event.subject) == ("ops@x", "job-1")
    changes = [(one.field, one.before, one.after) for one in entry.event.changes]
    assert changes == [("state", "failed", "queued"), ("run", None, "run-0")]


async def test_what_is_not_there_in_hand_or_cancelled_is_refused(
    redis: TextRedis, journal: Journal, replays: Operator
) -> None:
    assert await reason(replays) == "no such job"
    await in_hand(redis, journal)
    assert await reason(replays, UNKNOWN_TOO) == "not failed (dispatching)"
    await cancel(redis)
    assert await reason(replays, UNKNOWN_TOO) == "not failed (cancelled)"


async def test_what_was_sent_is_refused_on_any_terms(redis: TextRedis, replays: Operator) -> None:
    await enqueue(redis)
    await worker(redis, config()).serve()

    assert await reason(replays, Terms(unknown=True, ttl=timedelta(hours=1))) == "not failed (sent)"


@pytest.mark.parametrize("terms", [PLAIN, UNKNOWN_TOO])
async def test_what_opted_out_is_refused_on_any_terms(
    redis: TextRedis, journal: Journal, replays: Operator, terms: Terms
) -> None:
    await failed(redis, journal, refused(Fault.UNSUBSCRIBED))

    assert await reason(replays, terms) == "the recipient opted out"


async def test_a_replay_over_one_sender_tries_no_other(redis: TextRedis, replays: Operator) -> None:
    one = worker(redis, config(), twilio=[refused(Fault.AUTH)], syniverse=[refused(Fault.GEO)])
    await enqueue(redis)
    await one.serve()

    await replays.replay("job-1", Terms(via="acme-syniverse"))
    await one.serve()
    await replays.replay("job-1", PLAIN)
    await one.serve()

    senders = [attempt["sender"] for attempt in (await one.status())["attempts"]]
    assert senders == [*(own := ["acme-twilio", "acme-syniverse"]), "acme-syniverse", *own]


async def test_a_replay_may_change_the_lane(redis: TextRedis, journal: Journal, replays: Operator) -> None:
    await failed(redis, journal)

    await replays.replay("job-1", Terms(lane=Lane.BULK))

    assert await redis.hmget(keys.job("job-1"), "lane", "queue") == ["bulk", "dispatch.bulk"]
    assert await redis.llen("dispatch.bulk") == 1
    assert contradictions(await picture(redis), lane_window=64, head_starts=32) == []


async def test_a_life_that_is_over_needs_another(redis: TextRedis, journal: Journal, replays: Operator) -> None:
    await failed(redis, journal)
    await redis.hset(keys.job("job-1"), "expires_ms", 1)

    assert await reason(replays) == "its life is over: --ttl gives it another"
    assert await replays.replay("job-1", ANEW) == QUEUED
    life_ms = int(await redis.hget(keys.job("job-1"), "expires_ms")) - await now_ms(redis)
    assert 500_000 < life_ms <= 600_000


async def test_an_expired_job_can_have_another_life(redis: TextRedis, journal: Journal, replays: Operator) -> None:
    await end(journal, await in_hand(redis, journal), moves.expired())

    assert await reason(replays) == "its life is over: --ttl gives it another"
    assert await replays.replay("job-1", ANEW) == QUEUED


@pytest.mark.parametrize("field", ["created_ms", "expires_ms", "tenant", "queue", "lane"])
async def test_a_damaged_job_is_refused_as_a_whole(
    redis: TextRedis, journal: Journal, replays: Operator, field: str
) -> None:
    await failed(redis, journal)
    await redis.hdel(keys.job("job-1"), field)
    before, nudged = await redis.hgetall(keys.job("job-1")), await redis.llen("dispatch.normal")

    assert await reason(replays, ANEW) == "its record cannot be read"
    assert await redis.hgetall(keys.job("job-1")) == before
    assert await redis.llen("dispatch.normal") == nudged


async def test_a_reference_that_is_no_text_does_not_stop_a_replay(
    redis: TextRedis, journal: Journal, replays: Operator
) -> None:
    await failed(redis, journal)
    await redis.hset(keys.job("job-1"), "options", '{"reference":null}')

    assert await replays.replay("job-1", PLAIN) == QUEUED


async def test_a_policy_that_is_no_name_is_no_plan(redis: TextRedis, journal: Journal) -> None:
    await failed(redis, journal)
    await redis.hset(keys.job("job-1"), "options", '{"policy":["x"]}')

    (facts,) = await read_facts(redis, ["job-1"])
    assert not facts.is_there


async def test_a_job_is_not_replayed_for_ever(redis: TextRedis, journal: Journal, replays: Operator) -> None:
    one = worker(redis, config(syniverse()), syniverse=[refused(Fault.GEO)])
    await enqueue(redis)
    for _ in range(MOST_REPLAYS):
        await one.serve()
        assert await replays.replay("job-1", PLAIN) == QUEUED
    await one.serve()

    assert await reason(replays) == "replayed 5 times already"


async def test_a_job_without_content_cannot_be_sent_again(
    redis: TextRedis, journal: Journal, replays: Operator
) -> None:
    await failed(redis, journal)
    await redis.hdel(keys.job("job-1"), "content")

    assert await reason(replays) == "its content is gone"


async def test_a_late_acceptance_of_an_earlier_life_ends_the_replayed_job(
    redis: TextRedis, journal: Journal, replays: Operator
) -> None:
    first = await held_unknown(redis, journal)
    await replays.replay("job-1", UNKNOWN_TOO)

    await end(journal, first, sent())

    assert await redis.hmget(keys.job("job-1"), "state", "maybe_twice") == ["sent", None]
    assert contradictions(await picture(redis), lane_window=64, head_starts=32) == []


async def test_the_end_of_the_first_life_sent_again_does_not_end_the_second(
    redis: TextRedis, journal: Journal, replays: Operator
) -> None:
    claimed = await failed(redis, journal)
    await replays.replay("job-1", PLAIN)
    before = await snapshot(redis)

    await end(journal, claimed, moves.failed(Fault.AUTH).ending(1, REFUSED, 5))

    assert await snapshot(redis) == before
    assert json.loads((await snapshot(redis))["tl:job:job-1"][0]["attempt:1"])["id"] == "job-1.a1"
