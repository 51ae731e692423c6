"""Outcomes nobody knows, and what cannot be read or reached: the job still comes to its right end."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from providers.faults import Fault
from providers.protocol import Account, Kind, LookupAnswer
from senders.model import Sender, TenantConfig
from senders.secrets import SecretUnreadable
from tasks.dispatch import dispatch
from tasks.journal import Journal
from tests.support import flow
from tests.support.flow import (
    ABSENT,
    ACCEPTED,
    SILENT,
    UNKNOWN,
    StaticConfigurations,
    config,
    refused,
    twilio,
    worker,
)
from tests.support.journal import TextRedis, enqueue, now_ms
from tests.support.limits import DIGESTER
from trunkline_client import keys
from trunkline_client.words import Channel, Lane, OnUnknown

pytestmark = pytest.mark.integration


async def test_a_message_whose_answer_was_lost_is_found_and_not_sent_again(redis: TextRedis) -> None:
    one = worker(redis, config(), twilio=[UNKNOWN])
    one.twilio.lookups = [ABSENT, LookupAnswer(good=True, candidates=("SM9",))]
    await enqueue(redis)

    await one.serve()

    status = await one.status()
    assert (status["state"], status["provider_id"], status["maybe_twice"]) == ("sent", "SM9", False)
    assert len(one.twilio.sent) == 1


async def test_a_message_found_for_another_attempt_is_no_match(redis: TextRedis) -> None:
    one = worker(redis, config(), twilio=[UNKNOWN])
    one.twilio.lookups = [LookupAnswer(good=True, candidates=("SM9",))]
    await enqueue(redis, "job-1")
    await enqueue(redis, "job-2")

    await one.serve()

    senders = sorted([(await one.status(job))["sender"] or "" for job in ("job-1", "job-2")])
    assert senders == ["acme-syniverse", "acme-twilio"]


@pytest.mark.parametrize(
    ("ends", "sender", "maybe_twice"), [(True, "acme-twilio", False), (False, "acme-syniverse", True)]
)
async def test_what_a_running_call_may_have_sent_is_not_taken_from_it(
    redis: TextRedis, ends: bool, sender: str, maybe_twice: bool
) -> None:
    """Two equal codes, of which one request was lost while the other's call still ran: one of them was never sent."""
    one = worker(redis, config(), twilio=[UNKNOWN])
    twins = keys.calling(
        DIGESTER.digest("calling", twilio().account_name, Channel.SMS, "+12015550123", "Your code is 493817")
    )

    async def end_the_other_call() -> None:
        if ends and len(one.twilio.asked) > 1:
            await redis.srem(twins, "other.a1")

    one.twilio.lookups = [LookupAnswer(good=True, candidates=("SM9",))]
    one.twilio.before_lookup = end_the_other_call
    await redis.sadd(twins, "other.a1")
    await enqueue(redis, lane=Lane.URGENT)

    await one.serve()

    status = await one.status()
    assert (status["sender"], status["maybe_twice"]) == (sender, maybe_twice)


async def test_an_absent_message_goes_to_the_next_sender_without_a_mark(redis: TextRedis) -> None:
    one = worker(redis, config(), twilio=[UNKNOWN])
    await enqueue(redis, lane=Lane.URGENT)

    await one.serve()

    status = await one.status()
    assert (status["sender"], status["maybe_twice"]) == ("acme-syniverse", False)
    assert len(one.twilio.asked) == 4


@pytest.mark.parametrize(
    ("on_unknown", "state", "maybe_twice", "asked"),
    [
        (OnUnknown.RECONCILE, "sent", True, True),
        (OnUnknown.HOLD, "held", False, True),
        (OnUnknown.RESEND, "sent", True, False),
    ],
)
async def test_when_nobody_knows_the_job_says_what_happens(
    redis: TextRedis, on_unknown: OnUnknown, state: str, maybe_twice: bool, asked: bool
) -> None:
    one = worker(redis, config(), twilio=[UNKNOWN])
    one.twilio.lookups = [SILENT]
    await enqueue(redis, options={"on_unknown": on_unknown.value})

    await one.serve()

    status = await one.status()
    assert (status["state"], status["maybe_twice"], bool(one.twilio.asked)) == (state, maybe_twice, asked)


async def test_an_unknown_outcome_at_the_end_of_the_chain_fails_with_its_mark(redis: TextRedis) -> None:
    one = worker(redis, config(flow.twilio()), twilio=[UNKNOWN])
    one.twilio.lookups = [SILENT]
    await enqueue(redis)

    await one.serve()

    status = await one.status()
    assert (status["state"], status["maybe_sent"]) == ("failed", True)


async def test_a_life_that_ends_during_the_lookups_expires_with_its_mark(redis: TextRedis) -> None:
    one = worker(redis, config(), twilio=[UNKNOWN])
    one.twilio.lookups = [SILENT]
    await enqueue(redis, expires_at_ms=await now_ms(redis) + 5_500)
    await one.serve(hurry=False)
    await redis.hset(keys.job("job-1"), "expires_ms", 1)

    await one.serve()

    status = await one.status()
    assert (status["state"], status["maybe_sent"], one.syniverse.sent) == ("expired", True, [])


async def test_after_a_workers_death_an_absent_message_goes_out_through_the_same_sender(redis: TextRedis) -> None:
    one = worker(redis, config(), twilio=[UNKNOWN, ACCEPTED])
    await enqueue(redis)
    await one.serve(hurry=False)
    await redis.hset(keys.job("job-1"), "worker_lost", "1")

    await one.serve()

    status = await one.status()
    assert (status["sender"], len(status["attempts"]), status["maybe_twice"]) == ("acme-twilio", 2, False)


@pytest.mark.parametrize("on_unknown", [OnUnknown.RECONCILE, OnUnknown.RESEND])
async def test_after_a_workers_death_a_silent_provider_is_not_tried_again(
    redis: TextRedis, on_unknown: OnUnknown
) -> None:
    one = worker(redis, config(), twilio=[UNKNOWN])
    one.twilio.lookups = [SILENT]
    await enqueue(redis)
    await one.serve(hurry=False)
    await redis.hset(keys.job("job-1"), mapping={"worker_lost": "1", "options": json.dumps({"on_unknown": on_unknown})})

    await one.serve()

    status = await one.status()
    assert (status["sender"], status["maybe_twice"], len(one.twilio.sent)) == ("acme-syniverse", True, 1)


async def test_what_may_have_been_sent_keeps_its_mark_when_a_later_sender_ends_the_job(redis: TextRedis) -> None:
    one = worker(redis, config(), twilio=[UNKNOWN], syniverse=[refused(Fault.UNSUBSCRIBED)])
    one.twilio.lookups = [SILENT]
    await enqueue(redis)

    await one.serve()

    status = await one.status()
    assert (status["state"], status["fault"], status["maybe_sent"]) == ("failed", "unsubscribed", True)


async def test_a_tenant_removed_during_the_lookups_leaves_the_mark(redis: TextRedis) -> None:
    one = worker(redis, config(), twilio=[UNKNOWN])
    await enqueue(redis)
    await one.serve(hurry=False)
    one.services = replace(one.services, configurations=StaticConfigurations(None))

    await one.serve()

    status = await one.status()
    assert (status["fault"], status["maybe_sent"]) == ("no_chain", True)


class LockedConfigurations(StaticConfigurations):
    """Configurations whose Twilio credentials this worker cannot open."""

    def account(self, config: TenantConfig, sender: Sender) -> Account:
        if sender.kind is Kind.TWILIO:
            raise SecretUnreadable("no key opens it")
        return super().account(config, sender)


async def test_a_sender_whose_credentials_cannot_be_opened_is_passed_over(redis: TextRedis) -> None:
    one = worker(redis, config())
    one.services = replace(one.services, configurations=LockedConfigurations(config()))
    await enqueue(redis)

    await one.serve()

    status = await one.status()
    assert (status["sender"], status["attempts"][0]["code"]) == ("acme-syniverse", "secret_unreadable")


async def test_an_attempt_that_cannot_be_asked_about_any_more_still_comes_to_an_end(redis: TextRedis) -> None:
    one = worker(redis, config(), twilio=[UNKNOWN])
    await enqueue(redis)
    await one.serve(hurry=False)
    one.services = replace(one.services, configurations=LockedConfigurations(config()))

    await one.serve()

    assert ((await one.status())["sender"], (await one.status())["maybe_twice"]) == ("acme-syniverse", True)


async def test_content_that_cannot_be_opened_is_held_for_an_operator(redis: TextRedis) -> None:
    one = worker(redis, config(), twilio=[refused(Fault.AUTH)])
    await enqueue(redis)
    message = await redis.rpop("dispatch.normal")
    assert message
    await dispatch(one.services, "job-1", "1")
    one.services = worker(redis, config()).services

    await one.serve()

    assert (await one.status())["state"] == "held"


async def test_the_end_of_an_attempt_survives_an_outage_of_redis(redis: TextRedis) -> None:
    one = worker(redis, config(), twilio=[refused(Fault.GEO)])
    journal = OutageJournal(one.services.journal, failures=3)
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    one.services = replace(one.services, journal=journal, sleep=sleep)  # type: ignore[arg-type]
    await enqueue(redis)

    lines = [report.line for report in await one.serve()]

    assert (lines, len(pauses)) == (["geo -> fallback.syniverse", "sent acme-syniverse"], 3)


class OutageJournal:
    """A journal whose server is away for the first finishes."""

    def __init__(self, journal: Journal, *, failures: int) -> None:
        self._journal = journal
        self._failures = failures

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def finish(self, *args: Any, **details: Any) -> Any:
        if self._failures:
            self._failures -= 1
            raise RedisConnectionError("away")
        return await self._journal.finish(*args, **details)


async def test_a_late_acceptance_does_not_leave_kept_content_clear(redis: TextRedis) -> None:
    one = worker(redis, config())
    one.services = replace(one.services, settings=replace(one.services.settings, keep_content=True))
    await enqueue(redis)
    lose_lease = asyncio.Event()

    async def sweep() -> None:
        await redis.zadd(keys.LEASES, {"job-1": 1})
        await one.services.journal.sweep(10, 10_000)
        lose_lease.set()

    one.twilio.meanwhile = sweep
    await one.serve(hurry=False)

    assert lose_lease.is_set()
    assert (await one.status())["state"] == "sent"
    assert "plain:" not in await redis.hget(keys.job("job-1"), "content")
