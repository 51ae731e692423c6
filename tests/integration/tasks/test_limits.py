"""Quotas and cooldowns on the whole flow: what is refused, what counts, and what is given back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from providers.faults import Fault
from providers.protocol import AttemptResult, NumberType
from senders.limits import limits_of
from senders.limits_admin import reset_quota
from senders.model import ChannelCooldown, Cooldown, CooldownKey, CountryLimit, Policy, Quota, QuotaScope
from tasks import moves
from tasks.journal import Claimed, Counted
from tasks.record import decode
from tests.support import flow
from tests.support.flow import ABSENT, SILENT, UNKNOWN, Worker, config, refused, worker
from tests.support.journal import TextRedis, cancel, enqueue, now_ms, snapshot
from tests.support.limits import (
    DAY,
    DIGESTER,
    MINUTE,
    SECOND,
    SMS_COOLDOWN,
    WEEK_MS,
    cooling,
    cooling_ids,
    counted,
    counters,
    midnight_ms,
    per_tenant,
    per_user,
    used_and_unused,
)
from trunkline_client import AsyncTrunkline, keys
from trunkline_client.private import Private, Recipient
from trunkline_client.words import Channel

pytestmark = pytest.mark.integration

#: every limit at once, none of them tight.
ALL_LIMITS = Policy(
    "default",
    quotas=(Quota(QuotaScope.USER, total=5), Quota(QuotaScope.TENANT, used=5, unused=5)),
    cooldown=Cooldown(CooldownKey.ADDRESS, SMS_COOLDOWN, SMS_COOLDOWN),
)
TO = Recipient("+12015550123")
NOWHERE = CountryLimit(allow=frozenset({"GB"}))


async def outcomes(redis: TextRedis, policy: Policy, *jobs: dict[str, Any]) -> list[str]:
    """Return how jobs end that are enqueued and served one after the other: `sent`, or the rule that refused them."""
    one = worker(redis, config(policy=policy))
    ends = []
    for number, job in enumerate(jobs, start=1):
        await enqueue(redis, f"job-{number}", **job)
        await as_enqueued_then(redis, f"job-{number}")
        await one.serve()
        status = await one.status(f"job-{number}")
        ends.append(status["rule"] or status["state"])
    return ends


async def as_enqueued_then(redis: TextRedis, job_id: str = "job-1") -> None:
    """Let a job that was to be sent earlier have been enqueued then."""
    record = keys.job(job_id)
    due_ms, created_ms = await redis.hmget(record, "due_ms", "created_ms")
    await redis.hset(record, "created_ms", min(int(due_ms), int(created_ms)))


async def ago(redis: TextRedis, *ages_ms: int) -> list[dict[str, Any]]:
    """Return jobs that were to be sent so long ago and may live for a week."""
    now = await now_ms(redis)
    return [{"send_at_ms": now - age_ms, "ttl_ms": WEEK_MS} for age_ms in ages_ms]


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
    (life,) = [await redis.pexpiretime(key) for key in await redis.keys("tl:quota:*")]

    await enqueue(redis, "late")
    await worker(redis, config(policy=per_user(1))).serve()

    assert await counters(redis) == before == {"unused": 1}
    assert [await redis.pexpiretime(key) for key in await redis.keys("tl:quota:*")] == [life]
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


# Counted once.


async def test_a_fallback_does_not_count_again(redis: TextRedis) -> None:
    one = worker(redis, config(policy=ALL_LIMITS), twilio=[refused(Fault.AUTH)])
    await enqueue(redis)

    await one.serve()

    assert (await one.status())["sender"] == "acme-syniverse"
    assert await counters(redis) == {"unused": 2}
    assert await cooling_ids(redis) == {"job-1"}


async def test_another_number_of_the_same_sender_does_not_count_again(redis: TextRedis) -> None:
    one = worker(redis, config(policy=per_user(1)), twilio=[refused(Fault.NUMBER), flow.ACCEPTED])
    await enqueue(redis)

    await one.serve()

    assert len((await one.status())["attempts"]) == 2
    assert await counters(redis) == {"unused": 1}


async def test_a_redelivered_job_does_not_count_again(redis: TextRedis) -> None:
    one = worker(redis, config(policy=per_user(1)), twilio=[refused(Fault.THROTTLED), flow.ACCEPTED])
    await enqueue(redis)

    lines = [report.line for report in await one.serve()]

    assert (len(lines), lines[-1]) == (2, "sent acme-twilio")
    assert await counters(redis) == {"unused": 1}


@pytest.mark.parametrize("lookup", [ABSENT, SILENT])
async def test_a_worker_that_dies_in_its_call_leaves_the_job_counted_once(redis: TextRedis, lookup: Any) -> None:
    one = worker(redis, config(policy=ALL_LIMITS))
    one.twilio.lookups = [lookup]
    await enqueue(redis)
    await die_in_the_call(one)

    await one.services.journal.sweep(100, 0)
    await one.serve()

    assert (await one.status())["state"] == "sent"
    assert await counters(redis) == {"unused": 2}
    assert await cooling_ids(redis) == {"job-1"}


async def die_in_the_call(one: Worker) -> None:
    """Let a worker vanish after it has recorded its attempt, and its lease run out."""

    async def die() -> None:
        raise SystemError("the process is gone")

    one.twilio.meanwhile = die
    with pytest.raises(SystemError):
        await one.serve()
    one.twilio.meanwhile = None
    await one.redis.zadd(keys.LEASES, {"job-1": 1})
    await one.redis.hset(keys.job("job-1"), "lease_ms", 1)


async def test_a_worker_that_dies_before_its_attempt_has_counted_nothing(redis: TextRedis) -> None:
    one = worker(redis, config(policy=per_user(1)))
    await enqueue(redis)
    await one.services.journal.claim("job-1", "", "w:dead")
    await redis.zadd(keys.LEASES, {"job-1": 1})
    await one.services.journal.sweep(100, 0)

    assert await counters(redis) == {}
    assert "sent acme-twilio" in [report.line for report in await one.serve()]
    assert await counters(redis) == {"unused": 1}


@pytest.mark.parametrize("mark", ["counted", "first_attempt"])
async def test_a_replayed_job_is_not_checked_again(redis: TextRedis, mark: str) -> None:
    await outcomes(redis, per_user(1), {})
    one = worker(redis, config(policy=per_user(1)))
    await enqueue(redis, "again")
    await redis.hset(keys.job("again"), mark, '{"quotas":{},"settled":"given_back"}' if mark == "counted" else "1")

    assert [report.line for report in await one.serve()] == ["sent acme-twilio"]
    assert await counters(redis) == {"unused": 1}


# Given back.


async def test_a_failed_job_gives_its_place_back(redis: TextRedis) -> None:
    one = worker(redis, config(policy=ALL_LIMITS), twilio=[refused(Fault.AUTH)], syniverse=[refused(Fault.AUTH)])
    await enqueue(redis)

    await one.serve()

    assert (await one.status())["state"] == "failed"
    assert (await counters(redis), await cooling_ids(redis)) == ({}, set())
    again = await counted(redis)
    assert again
    assert again["settled"] == "given_back"


async def test_a_cancelled_job_gives_its_place_back(redis: TextRedis) -> None:
    one = worker(redis, config(policy=ALL_LIMITS), twilio=[refused(Fault.THROTTLED)])
    await enqueue(redis)
    await one.serve(hurry=False)
    assert await counters(redis) == {"unused": 2}

    assert await cancel(redis) == ("cancelled", "cancelled")
    assert (await counters(redis), await cooling_ids(redis)) == ({}, set())


async def test_an_expired_job_gives_its_place_back(redis: TextRedis) -> None:
    one = worker(redis, config(policy=ALL_LIMITS), twilio=[refused(Fault.THROTTLED)])
    await enqueue(redis)
    await one.serve(hurry=False)
    await redis.hset(keys.job("job-1"), "expires_ms", 1)

    await one.serve()

    assert (await one.status())["state"] == "expired"
    assert (await counters(redis), await cooling_ids(redis)) == ({}, set())


@pytest.mark.parametrize("lookup", [ABSENT, SILENT])
async def test_a_job_with_an_unknown_attempt_gives_nothing_back(redis: TextRedis, lookup: Any) -> None:
    one = worker(redis, config(policy=ALL_LIMITS), twilio=[UNKNOWN], syniverse=[refused(Fault.AUTH)])
    one.twilio.lookups = [lookup]
    await enqueue(redis)

    await one.serve()

    assert (await one.status())["state"] == "failed"
    assert (await counters(redis), await cooling_ids(redis)) == ({"unused": 2}, {"job-1"})


@pytest.mark.parametrize(("late", "left"), [(refused(Fault.AUTH), 0), (UNKNOWN, 2)])
async def test_a_refusal_that_arrives_after_the_end_gives_the_place_back(
    redis: TextRedis, late: AttemptResult, left: int
) -> None:
    one = worker(redis, config(policy=ALL_LIMITS), twilio=[refused(Fault.AUTH)], syniverse=[refused(Fault.AUTH)])
    await enqueue(redis)
    await die_in_the_call(one)
    dead = Claimed(decode("job-1", await redis.hgetall(keys.job("job-1"))), "w:0", 0, 1)
    await one.services.journal.sweep(100, 0)
    await one.serve()
    assert (await one.status())["state"] == "failed"
    assert await counters(redis) == {"unused": 2}

    for _ in range(2):
        move = moves.stay().ending(1, late, await now_ms(redis))
        await one.services.journal.finish(dead, move, sealed_content=None)

    assert sum((await counters(redis)).values()) == left
    assert await cooling_ids(redis) == ({"job-1"} if left else set())


async def test_what_was_used_is_not_given_back(redis: TextRedis) -> None:
    one = worker(redis, config(policy=ALL_LIMITS), twilio=[refused(Fault.THROTTLED)])
    await enqueue(redis)
    await one.serve(hurry=False)

    await AsyncTrunkline(redis=redis).used("job-1")
    await cancel(redis)

    assert await counters(redis) == {"used": 2}


# Cooldown.


async def test_each_resend_waits_for_its_own_period(redis: TextRedis) -> None:
    minutes = (20 * MINUTE, 19 * MINUTE, 17 * MINUTE, 12 * MINUTE)
    assert await outcomes(redis, cooling(), *await ago(redis, *minutes)) == ["sent"] * 4


@pytest.mark.parametrize("ages_s", [(60, 16), (300, 255, 136), (900, 855, 735, 436)])
async def test_a_resend_before_its_period_is_rejected(redis: TextRedis, ages_s: tuple[int, ...]) -> None:
    ends = await outcomes(redis, cooling(), *await ago(redis, *(age_s * SECOND for age_s in ages_s)))

    assert ends == [*["sent"] * (len(ages_s) - 1), "cooldown"]


async def test_after_the_last_resend_nothing_is_sent_for_30_minutes(redis: TextRedis) -> None:
    policy = cooling(sms=ChannelCooldown((10, 10, 10), 1))
    ages = (90 * MINUTE, 80 * MINUTE, 70 * MINUTE, 50 * MINUTE + 1, 50 * MINUTE)

    assert await outcomes(redis, policy, *await ago(redis, *ages)) == ["sent", "sent", "cooldown", "cooldown", "sent"]


async def test_of_two_close_jobs_claimed_out_of_order_one_is_admitted(redis: TextRedis) -> None:
    assert await outcomes(redis, cooling(), *await ago(redis, 0, 30 * SECOND)) == ["sent", "cooldown"]


async def test_a_used_code_ends_the_cooldown(redis: TextRedis) -> None:
    one = worker(redis, config(policy=cooling()))
    await enqueue(redis, "job-1")
    await one.serve()
    await AsyncTrunkline(redis=redis).used("job-1")
    await enqueue(redis, "job-2")

    assert [report.line for report in await one.serve()] == ["sent acme-twilio"]


async def test_a_cooldown_by_address_counts_across_users(redis: TextRedis) -> None:
    assert await outcomes(redis, cooling(), {"user": "u"}, {"user": "v"}) == ["sent", "cooldown"]


async def test_a_cooldown_by_user_counts_each_user_of_a_number(redis: TextRedis) -> None:
    own, other = "+12015550123", "+12015550124"
    pairs = (("u", own), ("v", own), ("u", own), ("u", other), (None, own), (None, own))
    ends = await outcomes(redis, cooling(CooldownKey.USER), *({"user": user, "to": to} for user, to in pairs))

    assert ends == ["sent", "sent", "cooldown", "sent", "sent", "cooldown"]


async def test_a_channel_whose_cooldown_is_off_never_waits(redis: TextRedis) -> None:
    assert await outcomes(redis, cooling(), *[{"channel": "voice"}] * 3) == ["sent"] * 3


# Reset.


async def reset(redis: TextRedis, token: str, user: str = "u") -> bool:
    return await reset_quota(redis, DIGESTER, tenant="acme", user=Private(user), actor="ann", token=token)


async def test_a_reset_clears_a_users_quotas_of_all_policies(redis: TextRedis) -> None:
    policies = {name: replace(per_user(1), name=name) for name in ("a", "b")}
    one = worker(redis, replace(config(), policies=policies))
    jobs = [("job-1", "a", "u"), ("job-2", "b", "u"), ("job-3", "a", "v")]
    for job_id, policy, user in jobs:
        await enqueue(redis, job_id, user=user, options={"policy": policy})
    await one.serve()

    assert await reset(redis, "t")
    for job_id, policy, user in jobs:
        await enqueue(redis, f"{job_id}-again", user=user, options={"policy": policy})
    lines = [report.line for report in await one.serve()]

    assert lines == ["sent acme-twilio", "sent acme-twilio", "rejected quota"]


async def test_a_reset_leaves_the_cooldown(redis: TextRedis) -> None:
    await outcomes(redis, cooling(), {"user": "u"})

    assert not await reset(redis, "t")
    assert await cooling_ids(redis) == {"job-1"}


async def test_what_was_counted_before_a_reset_is_neither_given_back_nor_used_after_it(redis: TextRedis) -> None:
    one = worker(redis, config(policy=used_and_unused(5, 5)), twilio=[refused(Fault.THROTTLED)])
    for job_id in ("failing", "used"):
        await enqueue(redis, job_id, user="u")
    await one.serve(hurry=False)
    await reset(redis, "t")
    other = worker(redis, config(policy=used_and_unused(5, 5)))
    for job_id in ("new-1", "new-2"):
        await enqueue(redis, job_id, user="u")
        await other.serve(hurry=False)

    await cancel(redis, "failing")
    await AsyncTrunkline(redis=redis).used("used")

    assert await counters(redis) == {"unused": 2}


async def test_the_same_reset_again_changes_nothing(redis: TextRedis) -> None:
    await outcomes(redis, per_user(1), {"user": "u"})
    await reset(redis, "t")
    await enqueue(redis, "next", user="u")
    await worker(redis, config(policy=per_user(1))).serve()

    assert await reset(redis, "t")
    assert await counters(redis) == {"unused": 1}
    assert not await reset(redis, "t", user="nobody")


# What Redis holds.


async def test_no_key_shows_a_number_or_a_user(redis: TextRedis) -> None:
    await outcomes(redis, ALL_LIMITS, {"user": "user-17"}, {"to": "+12015550124"})
    names = [*await redis.keys("*"), *[str(await counted(redis, f"job-{number}")) for number in (1, 2)]]

    assert len([name for name in names if name.startswith(("tl:quota", "tl:cooldown"))]) == 5
    assert [name for name in names if "2015550" in name or "user-17" in name] == []


async def test_counters_end_a_day_after_their_window(redis: TextRedis) -> None:
    await outcomes(redis, ALL_LIMITS, {})
    due = int(await redis.hget(keys.job("job-1"), "due_ms"))
    ends = {key.split(":")[1]: await redis.pexpiretime(key) for key in await redis.keys("tl:[qc]*:acme:*")}

    assert ends == {"quota": due - due % DAY + 2 * DAY, "cooldown": due + 30 * MINUTE + DAY}


async def test_counters_outlive_the_job_that_they_count(redis: TextRedis) -> None:
    await outcomes(redis, ALL_LIMITS, {"ttl_ms": WEEK_MS})
    expires = int(await redis.hget(keys.job("job-1"), "expires_ms"))

    assert {await redis.pexpiretime(key) for key in await redis.keys("tl:[qc]*:acme:*")} == {expires}


async def test_a_job_counted_after_its_life_leaves_no_counter_for_ever(redis: TextRedis) -> None:
    journal = worker(redis, config()).services.journal
    await enqueue(redis, send_at_ms=await now_ms(redis) - 4 * DAY, ttl_ms=WEEK_MS)
    await as_enqueued_then(redis)
    claimed = await journal.claim("job-1", "", "w:a")
    assert isinstance(claimed, Claimed)
    limits = limits_of(ALL_LIMITS, tenant="acme", channel=Channel.SMS, to=TO, user=None, digester=DIGESTER)
    await redis.hset(keys.job("job-1"), "expires_ms", await now_ms(redis) - SECOND)

    assert await journal.count(claimed, limits) is Counted.COUNTED

    assert [key for key in await redis.keys("tl:[qc]*:acme:*") if await redis.pttl(key) == -1] == []


async def test_old_days_and_old_messages_are_dropped_at_the_next_count(redis: TextRedis) -> None:
    old, *new = await ago(redis, 3 * DAY, DAY // 2, 0)
    await outcomes(redis, ALL_LIMITS, old, *new)
    (key,) = [key for key in await redis.keys("tl:quota:*") if key.endswith(":all")]

    assert len({field.partition(":")[0] for field in await redis.hkeys(key)} - {"reset"}) <= 2
    assert await cooling_ids(redis) == {"job-2", "job-3"}


async def test_a_job_with_limits_takes_three_round_trips(redis: TextRedis) -> None:
    async def calls() -> int:
        return int((await redis.info("commandstats"))["cmdstat_evalsha"]["calls"])

    one = worker(redis, config(policy=ALL_LIMITS))
    await enqueue(redis, "to-load-the-scripts", to="+12015550199")
    await one.serve(hurry=False)
    await enqueue(redis)
    before = await calls()

    await one.serve(hurry=False)

    assert await calls() - before == 3


async def test_a_job_without_limits_leaves_no_counter(redis: TextRedis) -> None:
    assert await outcomes(redis, Policy("default"), {}) == ["sent"]
    assert await redis.keys("tl:[qc]*:acme:*") == []
    assert await counted(redis) is None
