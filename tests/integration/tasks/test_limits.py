"""Quotas on the whole flow: what is refused, at which time, and in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from providers.protocol import NumberType
from senders.limits import limits_of
from senders.model import Policy, Quota, QuotaScope
from tasks.journal import Claimed, Counted
from tests.support import flow
from tests.support.flow import config, worker
from tests.support.journal import TextRedis, end_ms, enqueue, now_ms, snapshot
from tests.support.limit_flow import ALL_LIMITS, NOWHERE, TO, outcomes
from tests.support.limits import (
    DAY,
    DIGESTER,
    WEEK_MS,
    cooling,
    counted,
    counters,
    midnight_ms,
    per_tenant,
    per_user,
    used_and_unused,
)
from trunkline_client import AsyncTrunkline, keys
from trunkline_client.words import Channel

pytestmark = pytest.mark.integration


# Quotas.


async def test_a_job_above_the_total_is_rejected_and_calls_no_provider(redis: TextRedis) -> None:
    one = worker(redis, config(policy=per_user(1)))
    for job_id in ("job-1", "job-2"):
        await enqueue(redis, job_id)

    lines = [report.line for report in await one.serve()]

    assert lines == ["sent acme-twilio", "rejected quota"]
    assert len(one.twilio.sent) + len(one.syniverse.sent) == 1
    status = await one.status("job-2")
    assert (status["state"], status["rule"], status["attempts"]) == ("rejected", "quota", [])


async def test_a_quota_counts_each_user_for_itself(redis: TextRedis) -> None:
    users = ("u", "v", "u", None)

    assert await outcomes(redis, per_user(1), *({"user": user} for user in users)) == ["sent", "sent", "quota", "sent"]


async def test_without_user_a_quota_counts_by_recipient(redis: TextRedis) -> None:
    recipients = ({"to": "+12015550123"}, {"to": "+12015550124"}, {"to": "+12015550123"})

    assert await outcomes(redis, per_user(1), *recipients) == ["sent", "sent", "quota"]


async def test_a_quota_per_tenant_counts_everybody(redis: TextRedis) -> None:
    users = ({"user": "u"}, {"user": "v"}, {"user": "w"})

    assert await outcomes(redis, per_tenant(2), *users) == ["sent", "sent", "quota"]


@pytest.mark.parametrize("channels", [None, frozenset(Channel)])
async def test_sms_and_voice_share_one_counter_when_listed_together(
    redis: TextRedis, channels: frozenset[Channel] | None
) -> None:
    policy = Policy("default", quotas=(Quota(QuotaScope.USER, channels, total=2),))
    jobs = ({"channel": "sms"}, {"channel": "voice"}, {"channel": "sms"}, {"channel": "voice"})

    assert await outcomes(redis, policy, *jobs) == ["sent", "sent", "quota", "quota"]


async def test_a_channel_that_a_quota_does_not_list_is_not_limited(redis: TextRedis) -> None:
    policy = Policy("default", quotas=(Quota(QuotaScope.USER, frozenset({Channel.SMS}), total=1),))
    jobs = ({"channel": "voice"}, {"channel": "voice"}, {"channel": "sms"}, {"channel": "sms"})

    assert await outcomes(redis, policy, *jobs) == ["sent", "sent", "sent", "quota"]
    assert await counted(redis, "job-1") is None


async def test_policies_count_for_themselves(redis: TextRedis) -> None:
    one = worker(redis, replace(config(), policies={name: replace(per_user(1), name=name) for name in ("a", "b")}))
    for job_id, policy in (("job-1", "a"), ("job-2", "b"), ("job-3", "a")):
        await enqueue(redis, job_id, options={"policy": policy})

    assert [report.line for report in await one.serve()] == ["sent acme-twilio", "sent acme-twilio", "rejected quota"]


async def test_unused_messages_refuse_until_the_code_is_used(redis: TextRedis) -> None:
    one, client = worker(redis, config(policy=used_and_unused(2, 1))), AsyncTrunkline(redis=redis)
    rules = []
    for number in range(1, 6):
        await enqueue(redis, f"job-{number}")
        await one.serve()
        rules.append((await one.status(f"job-{number}"))["rule"])
        if number in {2, 4}:
            await client.used(f"job-{number - 1}")

    assert rules == [None, "quota", None, "quota", "quota"]
    assert await counters(redis) == {"used": 2}


async def test_a_code_used_twice_counts_once(redis: TextRedis) -> None:
    client = AsyncTrunkline(redis=redis)
    await outcomes(redis, used_and_unused(5, 5), {}, {})

    await client.used("job-1")
    once = await snapshot(redis)
    await client.used("job-1")

    assert await counters(redis) == {"used": 1, "unused": 1}
    assert await snapshot(redis) == once


async def test_a_refused_job_changes_no_counter(redis: TextRedis) -> None:
    await outcomes(redis, per_user(1), {})
    before = await counters(redis)
    (life,) = [await end_ms(redis, key) for key in await redis.keys("tl:quota:*")]

    await enqueue(redis, "late")
    await worker(redis, config(policy=per_user(1))).serve()

    assert await counters(redis) == before == {"unused": 1}
    assert [await end_ms(redis, key) for key in await redis.keys("tl:quota:*")] == [life]
    assert await counted(redis, "late") is None


# Which time counts.


async def test_the_day_is_that_of_send_at_whenever_a_worker_comes(redis: TextRedis) -> None:
    midnight = await midnight_ms(redis)
    times = (midnight - 1, midnight, midnight - 2, midnight - DAY - 1)
    jobs = ({"send_at_ms": time, "ttl_ms": WEEK_MS} for time in times)

    assert await outcomes(redis, per_user(1), *jobs) == ["sent", "sent", "quota", "sent"]


async def test_the_day_is_that_of_the_enqueue_whenever_a_worker_comes(redis: TextRedis) -> None:
    one = worker(redis, config(policy=per_user(1)))
    for job_id in ("before", "after"):
        await enqueue(redis, job_id, ttl_ms=WEEK_MS)
    yesterday = await midnight_ms(redis) - 1
    await redis.hset(keys.job("before"), mapping={"due_ms": yesterday, "created_ms": yesterday})

    assert [report.line for report in await one.serve()] == ["sent acme-twilio"] * 2


async def test_a_scheduled_job_counts_when_it_is_due_and_not_before(redis: TextRedis) -> None:
    one = worker(redis, config(policy=per_user(1)))
    await enqueue(redis, "later", send_at_ms=await now_ms(redis) + DAY)
    await enqueue(redis, "now")
    await one.serve(hurry=False)
    await one.serve()

    assert [(await one.status(job_id))["state"] for job_id in ("now", "later")] == ["sent", "sent"]


async def test_a_job_dated_back_counts_as_its_enqueue(redis: TextRedis) -> None:
    one = worker(redis, config(policy=per_user(1)))
    for job_id, days in (("job-1", 0), ("job-2", 3)):
        await enqueue(redis, job_id, send_at_ms=await now_ms(redis) - days * DAY, ttl_ms=WEEK_MS)

    assert [report.line for report in await one.serve()] == ["sent acme-twilio", "rejected quota"]


# The order of the checks.


async def test_the_country_limit_comes_before_the_cooldown_and_that_before_the_quota(redis: TextRedis) -> None:
    tight = replace(cooling(), quotas=(Quota(QuotaScope.TENANT, total=1),))

    assert await outcomes(redis, replace(tight, country_limit=NOWHERE), {}) == ["country"]
    assert await counters(redis) == {}
    await redis.flushdb()
    other = {"to": "+12015550124"}
    assert await outcomes(redis, tight, {}, {}, other) == ["sent", "cooldown", "quota"]


async def test_limits_come_before_the_route(redis: TextRedis) -> None:
    nowhere = replace(config(policy=per_user(1)), default_chain=())
    await outcomes(redis, per_user(1), {})
    one = worker(redis, nowhere)
    await enqueue(redis, "job-2")

    assert [report.line for report in await one.serve()] == ["rejected quota"]


@pytest.mark.parametrize("way", ["no number", "sender disabled", "no chain"])
async def test_a_first_pass_without_an_attempt_is_counted_before_it_leaves(redis: TextRedis, way: str) -> None:
    one = worker(redis, without_an_attempt(way))
    await enqueue(redis, "job-1", to="+447400123456")
    await enqueue(redis, "job-2", to="+447400123456")

    lines = [report.line for report in await one.serve(hurry=False)]

    assert sorted(lines) == sorted(
        {
            "no number": ["no_number -> fallback.syniverse", "rejected quota", "sent acme-syniverse"],
            "sender disabled": ["no_number -> fallback.syniverse", "rejected quota", "sent acme-syniverse"],
            "no chain": ["failed no_chain", "failed no_chain"],
        }[way]
    )
    assert await counters(redis) == ({} if way == "no chain" else {"unused": 1})


def without_an_attempt(way: str) -> Any:
    """Return a configuration whose first sender makes no attempt, or that has none."""
    short = flow.twilio("acme-twilio", flow.number("88022", NumberType.SHORT_CODE))
    own = {"no number": short, "sender disabled": replace(flow.twilio(), enabled=False)}.get(way, short)
    found = config(own, flow.syniverse(), policy=per_user(1))
    return replace(found, default_chain=()) if way == "no chain" else found


async def test_a_worker_without_the_lease_counts_nothing(redis: TextRedis) -> None:
    journal = worker(redis, config()).services.journal
    await enqueue(redis)
    claimed = await journal.claim("job-1", "", "w:a")
    assert isinstance(claimed, Claimed)
    limits = limits_of(per_user(1), tenant="acme", channel=Channel.SMS, to=TO, user=None, digester=DIGESTER)

    await redis.hset(keys.job("job-1"), "lease_ms", 1)

    assert await journal.count(claimed, limits) is Counted.LOST
    assert await counted(redis) is None


async def test_counting_again_changes_nothing(redis: TextRedis) -> None:
    journal = worker(redis, config()).services.journal
    await enqueue(redis)
    claimed = await journal.claim("job-1", "", "w:a")
    assert isinstance(claimed, Claimed)
    limits = limits_of(ALL_LIMITS, tenant="acme", channel=Channel.SMS, to=TO, user=None, digester=DIGESTER)

    assert await journal.count(claimed, limits) is Counted.COUNTED
    before = await snapshot(redis)

    assert await journal.count(claimed, limits) is Counted.COUNTED
    assert await snapshot(redis) == before
