"""What counters leave in Redis, for how long, and how an administrator resets them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from providers.faults import Fault
from senders.limits import limits_of
from senders.limits_admin import reset_quota
from senders.model import Policy
from tasks.journal import Claimed, Counted
from tests.support.flow import config, refused, worker
from tests.support.journal import TextRedis, cancel, end_ms, enqueue, now_ms
from tests.support.limit_flow import ALL_LIMITS, TO, ago, as_enqueued_then, outcomes
from tests.support.limits import (
    DAY,
    DIGESTER,
    MINUTE,
    SECOND,
    WEEK_MS,
    cooling,
    cooling_ids,
    counted,
    counters,
    per_user,
    used_and_unused,
)
from trunkline_client import AsyncTrunkline, keys
from trunkline_client.private import Private
from trunkline_client.words import Channel

pytestmark = pytest.mark.integration


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
    ends = {key.split(":")[1]: await end_ms(redis, key) for key in await redis.keys("tl:[qc]*:acme:*")}

    assert ends == {"quota": due - due % DAY + 2 * DAY, "cooldown": due + 30 * MINUTE + DAY}


async def test_counters_outlive_the_job_that_they_count(redis: TextRedis) -> None:
    await outcomes(redis, ALL_LIMITS, {"ttl_ms": WEEK_MS})
    expires = int(await redis.hget(keys.job("job-1"), "expires_ms"))

    assert {await end_ms(redis, key) for key in await redis.keys("tl:[qc]*:acme:*")} == {expires}


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
