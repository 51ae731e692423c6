"""200 workers at once on one Redis: no limit is exceeded by one, and none is left with room."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from providers.faults import Fault
from senders.countries import country_of
from senders.model import ChannelCooldown, Policy, Quota, QuotaScope
from senders.selection import choose
from tasks.dispatch import dispatch
from tests.support import flow
from tests.support.flow import ACCEPTED, Worker, config, refused, worker
from tests.support.journal import TextRedis, named_in, now_ms
from tests.support.limits import (
    MINUTE,
    SECOND,
    WEEK_MS,
    cooling,
    cooling_ids,
    counters,
    per_tenant,
    per_user,
    used_and_unused,
)
from trunkline_client import AsyncTrunkline, Handle, keys
from trunkline_client.connection import open_async
from trunkline_client.private import Recipient
from trunkline_client.words import Channel

pytestmark = pytest.mark.integration

WORKERS = 200


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[TextRedis]:
    """A client with a connection for every worker."""
    client = open_async(redis_url, max_connections=WORKERS + 10)
    yield client
    await client.aclose()


async def serve_in_a_crowd(one: Worker) -> Counter[str]:
    """Serve every nudge with `WORKERS` workers at once; returns how often each line was reported."""
    lines: Counter[str] = Counter()

    async def serve() -> None:
        while message := await one.redis.rpop("dispatch.normal"):
            for job_id, hop in named_in(message):
                lines[(await dispatch(one.services, job_id, hop)).line] += 1

    await asyncio.gather(*(serve() for _ in range(WORKERS)))
    return lines


async def enqueue(redis: TextRedis, *jobs: dict[str, Any]) -> list[str]:
    """Enqueue jobs that say how they differ; returns their ids."""
    usual = {"tenant": "acme", "channel": "sms", "to": "+12015550123", "body": "Your code is 493817"}
    sent = await AsyncTrunkline(redis=redis).send_many(usual | job for job in jobs)
    return [one.id for one in sent if isinstance(one, Handle)]


async def test_a_users_total_is_sent_exactly(redis: TextRedis) -> None:
    one = worker(redis, config(policy=per_user(7)))
    await enqueue(redis, *({"user": f"user-{number % 5}"} for number in range(400)))

    assert await serve_in_a_crowd(one) == {"sent acme-twilio": 35, "rejected quota": 365}
    assert len(one.twilio.sent) == 35
    assert await counters(redis) == {"unused": 35}


async def test_a_tenants_total_is_sent_exactly(redis: TextRedis) -> None:
    one = worker(redis, config(policy=per_tenant(50)))
    await enqueue(redis, *({"user": f"user-{number}"} for number in range(300)))

    assert await serve_in_a_crowd(one) == {"sent acme-twilio": 50, "rejected quota": 250}
    assert await counters(redis) == {"unused": 50}


async def test_used_and_unused_messages_are_sent_exactly(redis: TextRedis) -> None:
    one, client = worker(redis, config(policy=used_and_unused(15, 10))), AsyncTrunkline(redis=redis)
    sent = []
    for _ in range(3):
        await enqueue(redis, *[{"user": "u"}] * 80)
        sent.append((await serve_in_a_crowd(one))["sent acme-twilio"])
        ids = [request.attempt_id.rpartition(".")[0] for request in one.twilio.sent]
        await asyncio.gather(*(client.used(job_id) for job_id in ids * 2))

    assert sent == [10, 10, 0]
    assert await counters(redis) == {"used": 20}


async def test_of_messages_asked_for_together_each_recipient_gets_one(redis: TextRedis) -> None:
    one = worker(redis, config(policy=cooling()))
    recipients = [f"+1201555{number:04}" for number in range(100, 120)]
    await enqueue(redis, *({"to": recipients[number % len(recipients)]} for number in range(300)))

    assert await serve_in_a_crowd(one) == {"sent acme-twilio": 20, "rejected cooldown": 280}
    assert Counter(request.to.reveal() for request in one.twilio.sent) == dict.fromkeys(recipients, 1)


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_the_order_of_claims_a_cooldown_holds(redis: TextRedis, seed: int) -> None:
    one = worker(redis, config(policy=cooling(sms=ChannelCooldown((30, 60, 120), 4))))
    random, now = Random(seed), await now_ms(redis)  # noqa: S311 - the same claims on every run
    asked = [now - random.randrange(6 * 60) * 30 * SECOND for _ in range(300)]
    jobs = ({"send_at": datetime.fromtimestamp(time / SECOND, UTC), "ttl": WEEK_MS // SECOND} for time in asked)
    times = dict(zip(await enqueue(redis, *jobs), asked, strict=True))
    for job_id, time in times.items():
        await redis.hset(keys.job(job_id), "created_ms", time)

    lines = await serve_in_a_crowd(one)

    admitted = sorted(times[job_id] for job_id in await cooling_ids(redis))
    assert lines["sent acme-twilio"] == len(admitted) >= 5
    assert min(after - before for before, after in pairwise(admitted)) >= 30 * SECOND
    assert max(lengths_of_sequences(admitted)) <= 5


def lengths_of_sequences(times: list[int]) -> list[int]:
    """Return how many of the sorted `times` belong to each run without a gap of 30 minutes."""
    lengths = [1]
    for before, after in pairwise(times):
        if after - before < 30 * MINUTE:
            lengths[-1] += 1
        else:
            lengths.append(1)
    return lengths


async def test_what_failed_makes_room_and_never_too_much(redis: TextRedis) -> None:
    one = worker(redis, config(flow.twilio(), policy=per_tenant(20)), twilio=[refused(Fault.AUTH)] * 60 + [ACCEPTED])
    await enqueue(redis, *({"user": f"user-{number}"} for number in range(300)))

    lines = await serve_in_a_crowd(one)
    while lines["sent acme-twilio"] < 20:
        await enqueue(redis, *[{}] * 20)
        lines += await serve_in_a_crowd(one)

    assert (lines["failed auth"], lines["sent acme-twilio"]) == (60, 20)
    assert await counters(redis) == {"unused": 20}


async def test_every_worker_chooses_the_same_number_for_a_recipient(redis: TextRedis) -> None:
    numbers = [flow.number(f"+1201555{number:04}") for number in range(8)]
    own = flow.twilio("acme-twilio", *numbers[:6], *(replace(one, selected=False) for one in numbers[6:]))
    one = worker(redis, config(own, policy=Policy("default", quotas=(Quota(QuotaScope.USER, total=5),))))
    recipients = [f"+1201556{number:04}" for number in range(100, 150)]
    await enqueue(redis, *({"to": recipients[number % len(recipients)]} for number in range(300)))

    assert await serve_in_a_crowd(one) == {"sent acme-twilio": 250, "rejected quota": 50}

    chosen = {request.to.reveal(): request.origin.value for request in one.twilio.sent}
    assert {(request.to.reveal(), request.origin.value) for request in one.twilio.sent} == set(chosen.items())
    for to, origin in chosen.items():
        wanted = choose(own, channel=Channel.SMS, to=Recipient(to), country=country_of(to), sender_id=None)
        assert wanted.origin
        assert origin == wanted.origin.value
    assert set(chosen.values()) == {one.number for one in numbers[:6]}


async def test_nothing_of_the_crowd_is_left_unfinished(redis: TextRedis) -> None:
    one = worker(redis, config(policy=per_user(1)))
    ids = await enqueue(redis, *[{"user": "u"}] * 250)
    await serve_in_a_crowd(one)

    states = Counter([(await redis.hget(keys.job(job_id), "state")) for job_id in ids])
    assert states == {"sent": 1, "rejected": 249}
