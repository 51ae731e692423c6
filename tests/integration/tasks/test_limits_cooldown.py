"""Cooldowns on the whole flow."""

from __future__ import annotations

import pytest

from senders.model import ChannelCooldown, CooldownKey
from tests.support.flow import config, worker
from tests.support.journal import TextRedis, enqueue
from tests.support.limit_flow import ago, outcomes
from tests.support.limits import (
    MINUTE,
    SECOND,
    cooling,
)
from trunkline_client import AsyncTrunkline

pytestmark = pytest.mark.integration


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
