"""Replays of what may have been sent, and of what is held: the provider is asked before anything is sent again."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from providers.faults import Fault
from providers.protocol import LookupAnswer
from senders.model import CountryLimit, Policy
from tasks import moves
from tasks.journal import Journal
from tasks.replay import Requeued, Terms
from tasks.replay_plan import prospect, read_facts
from tests.support.flow import (
    ABSENT,
    ACCEPTED,
    SILENT,
    UNKNOWN,
    StaticConfigurations,
    config,
    syniverse,
    worker,
)
from tests.support.in_hand import REFUSED, begin, end, held_unknown, in_hand
from tests.support.journal import TextRedis, enqueue
from tests.support.places import contradictions, picture
from tests.support.replaying import ASKED, FOUND, PLAIN, QUEUED, UNKNOWN_TOO, Operator, reason
from trunkline_client import keys
from trunkline_client.words import JobState, Lane

pytestmark = pytest.mark.integration


async def test_what_may_have_been_sent_needs_consent(redis: TextRedis, replays: Operator) -> None:
    one = worker(redis, config(syniverse()), syniverse=[UNKNOWN])
    await enqueue(redis)
    await one.serve()

    assert await reason(replays) == "may have been sent: --unknown asks once more, then sends it again"
    assert await replays.look("job-1", UNKNOWN_TOO) == ASKED
    assert await replays.replay("job-1", UNKNOWN_TOO) == ASKED


@pytest.mark.parametrize("before", [SILENT, ABSENT], ids=["nobody knew", "it was absent"])
@pytest.mark.parametrize(
    ("lookups", "calls", "is_marked"),
    [([FOUND], 1, False), ([ABSENT], 2, False), ([SILENT], 2, True)],
    ids=["found", "absent", "nobody knows"],
)
async def test_what_may_have_been_sent_is_asked_about_before_it_is_sent_again(
    redis: TextRedis, replays: Operator, before: LookupAnswer, lookups: list[LookupAnswer], calls: int, is_marked: bool
) -> None:
    one = worker(redis, config(syniverse()), syniverse=[UNKNOWN, ACCEPTED])
    one.syniverse.lookups = [before]
    await enqueue(redis, options={"on_unknown": "reconcile"})
    await one.serve()
    assert (await one.status())["state"] == "failed"

    one.syniverse.lookups = lookups
    await replays.replay("job-1", UNKNOWN_TOO)
    await one.serve()

    status = await one.status()
    assert (status["state"], status["maybe_twice"], status["maybe_sent"]) == ("sent", is_marked, False)
    assert len(one.syniverse.sent) == calls


async def test_every_attempt_that_may_have_been_sent_is_asked_about(
    redis: TextRedis, journal: Journal, replays: Operator
) -> None:
    one = worker(redis, config(), twilio=[UNKNOWN], syniverse=[UNKNOWN])
    await enqueue(redis, options={"on_unknown": "resend"})
    await one.serve()
    assert (await one.status())["maybe_sent"]

    one.syniverse.lookups = [FOUND]
    await replays.replay("job-1", UNKNOWN_TOO)
    assert await redis.smembers(keys.unsettled("acme")) == {"job-1"}
    in_question = await journal.in_question(["job-1"])
    assert {one.split()[1] for one in in_question} == {"acme-twilio", "acme-syniverse"}
    await one.serve()

    status = await one.status()
    assert (status["state"], status["sender"]) == ("sent", "acme-syniverse")
    assert {asked.attempt_id for asked in one.twilio.asked} == {"job-1.a1"}
    assert (len(one.twilio.sent), len(one.syniverse.sent)) == (1, 1)


async def test_what_is_found_while_another_attempt_was_not_asked_about_is_marked(
    redis: TextRedis, replays: Operator
) -> None:
    one = worker(redis, config(), twilio=[UNKNOWN], syniverse=[UNKNOWN])
    await enqueue(redis)
    await one.serve()
    one.twilio.lookups = [FOUND]

    await replays.replay("job-1", UNKNOWN_TOO)
    await one.serve()

    status = await one.status()
    assert (status["state"], status["sender"], status["maybe_twice"]) == ("sent", "acme-twilio", True)


async def test_a_late_refusal_ends_the_question_of_a_replay(
    redis: TextRedis, journal: Journal, replays: Operator
) -> None:
    one = worker(redis, config(), twilio=[ACCEPTED])
    first = await in_hand(redis, journal)
    await begin(journal, first)
    lost = moves.failed(Fault.UNAVAILABLE).with_fields(maybe_sent="1").ending(1, UNKNOWN, 5)
    await journal.finish(first, lost, sealed_content=None)
    await replays.replay("job-1", UNKNOWN_TOO)

    await journal.finish(first, moves.stay().ending(1, REFUSED, 5), sealed_content=None)
    await one.serve()

    status = await one.status()
    assert (status["state"], status["maybe_twice"], one.twilio.asked) == ("sent", False, [])


async def test_a_closed_country_does_not_keep_a_sent_message_from_being_found(
    redis: TextRedis, replays: Operator
) -> None:
    one = worker(redis, config(syniverse()), syniverse=[UNKNOWN])
    await enqueue(redis)
    await one.serve()
    closed = Policy("default", country_limit=CountryLimit(allow=frozenset({"GB"})))
    one.services = replace(one.services, configurations=StaticConfigurations(config(syniverse(), policy=closed)))
    one.syniverse.lookups = [FOUND]

    await replays.replay("job-1", UNKNOWN_TOO)
    await one.serve()

    assert (await one.status())["state"] == "sent"


async def test_a_held_job_is_asked_about_before_it_goes_over_one_sender(redis: TextRedis, replays: Operator) -> None:
    one = worker(redis, config(), twilio=[UNKNOWN, ACCEPTED])
    one.twilio.lookups = [SILENT]
    await enqueue(redis, options={"on_unknown": "hold"})
    await one.serve()
    one.twilio.lookups, asked = [ABSENT], len(one.twilio.asked)

    assert await replays.replay("job-1", Terms(unknown=True, via="acme-twilio")) == ASKED
    await one.serve()

    status = await one.status()
    assert (status["state"], status["sender"], one.syniverse.sent) == ("sent", "acme-twilio", [])
    assert len(one.twilio.asked) > asked


async def test_a_replay_without_a_sender_forgets_that_of_a_life_in_which_nothing_was_sent(
    redis: TextRedis, replays: Operator
) -> None:
    one = worker(redis, config(), twilio=[UNKNOWN, ACCEPTED])
    one.twilio.lookups = [SILENT]
    await enqueue(redis, options={"on_unknown": "hold"})
    await one.serve()
    assert await replays.replay("job-1", Terms(unknown=True, via="acme-syniverse")) == ASKED
    await one.serve()
    assert (await one.status())["state"] == "held"
    one.twilio.lookups = [ABSENT]

    assert await replays.replay("job-1", UNKNOWN_TOO) == ASKED
    await one.serve()

    status = await one.status()
    assert (status["state"], status["sender"], one.syniverse.sent) == ("sent", "acme-twilio", [])


async def test_a_held_job_that_is_asked_about_goes_to_the_queue_of_its_new_lane(
    redis: TextRedis, journal: Journal, replays: Operator
) -> None:
    await held_unknown(redis, journal)

    assert await replays.replay("job-1", Terms(unknown=True, lane=Lane.URGENT)) == ASKED
    await journal.move_due(10)

    assert await redis.hmget(keys.job("job-1"), "lane", "queue") == ["urgent", "dispatch.urgent"]
    assert await redis.llen("dispatch.urgent") == 1
    assert contradictions(await picture(redis), lane_window=64, head_starts=32) == []


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
    redis: TextRedis, replays: Operator, lookups: list[LookupAnswer], state: str, sender: str | None
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


@pytest.mark.parametrize("terms", [PLAIN, Terms(unknown=True)], ids=["held first", "held again"])
async def test_a_dry_run_knows_that_a_held_job_keeps_its_turn(
    redis: TextRedis, replays: Operator, terms: Terms
) -> None:
    one = worker(redis, config(), twilio=[UNKNOWN])
    one.twilio.lookups = [SILENT]
    await enqueue(redis, options={"on_unknown": "hold"})
    await one.serve()
    await replays.replay("job-1", terms)
    await one.serve()

    (facts,) = await read_facts(redis, ["job-1"])
    assert prospect(config(), facts, via=None).senders == ("acme-syniverse",)


async def test_after_a_day_a_message_could_be_anybodys_so_the_provider_is_not_asked(
    redis: TextRedis, replays: Operator
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
    redis: TextRedis, journal: Journal, replays: Operator
) -> None:
    await end(journal, await in_hand(redis, journal), moves.held())

    assert await replays.replay("job-1", UNKNOWN_TOO) == QUEUED
    assert await redis.zcard(keys.HELD) == 0
