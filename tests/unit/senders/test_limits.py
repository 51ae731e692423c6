"""What a policy's limits ask of one job, and how the counters are named."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from senders.limits import Digester, limits_of, user_quota_key
from senders.model import ChannelCooldown, Cooldown, CooldownKey, Policy, Quota, QuotaScope
from tests.support.sender_samples import SMS
from trunkline_client.private import Private, Recipient
from trunkline_client.words import Channel

DIGESTER = Digester(Private("key"))
PER_USER = Quota(QuotaScope.USER, total=10)
PER_TENANT = Quota(QuotaScope.TENANT, used=15, unused=10)
COOLDOWN = ChannelCooldown((45, 120, 300), 3)
NUMBER, OTHER = "+12015550123", "+12015550124"


def limits(
    *quotas: Quota,
    cooldown: Cooldown | None = None,
    name: str = "default",
    tenant: str = "acme",
    channel: Channel = Channel.SMS,
    to: str = NUMBER,
    user: str | None = None,
) -> dict[str, Any]:
    found = limits_of(
        Policy(name, quotas=quotas, cooldown=cooldown),
        tenant=tenant,
        channel=channel,
        to=Recipient(to),
        user=None if user is None else Private(user),
        digester=DIGESTER,
    )
    return json.loads(found) if found else {}


def quota_key(**job: Any) -> str:
    return str(limits(PER_USER, **job)["quotas"][0]["key"])


def cooldown_key(by: CooldownKey, **job: Any) -> str:
    return str(limits(cooldown=Cooldown(by, COOLDOWN, COOLDOWN), **job)["cooldown"]["key"])


def test_a_policy_without_limits_for_the_channel_asks_nothing() -> None:
    only_sms = Quota(QuotaScope.USER, SMS, total=10)

    assert limits() == {}
    assert limits(only_sms, cooldown=Cooldown(CooldownKey.ADDRESS, COOLDOWN, None), channel=Channel.VOICE) == {}


def test_both_forms_of_a_quota_are_handed_on() -> None:
    per_user, per_tenant = limits(PER_USER, PER_TENANT)["quotas"]

    assert per_user == {"key": per_user["key"], "policy": "default", "total": 10}
    assert per_tenant == {"key": "tl:quota:acme:all", "policy": "default", "used": 15, "unused": 10}


def test_the_cooldown_of_the_channel_is_handed_on_in_milliseconds() -> None:
    voice = ChannelCooldown((10, 20, 30), 1)
    found = limits(cooldown=Cooldown(CooldownKey.ADDRESS, COOLDOWN, voice), channel=Channel.VOICE)["cooldown"]

    assert (found["periods_ms"], found["resend_limit"]) == ([10_000, 20_000, 30_000], 1)


def test_sms_and_voice_share_one_counter() -> None:
    assert quota_key(channel=Channel.SMS) == quota_key(channel=Channel.VOICE)


def test_a_quota_per_user_counts_by_user_under_every_policy() -> None:
    assert quota_key(user="u", to=NUMBER) == quota_key(user="u", to=OTHER, name="other")
    assert quota_key(user="u") != quota_key(user="v")
    assert quota_key(user="u") == user_quota_key("acme", Private("u"), DIGESTER)


def test_a_quota_per_user_counts_by_recipient_without_user() -> None:
    assert quota_key(to=NUMBER) != quota_key(to=OTHER)
    assert quota_key(to=NUMBER) != quota_key(user=NUMBER)


def test_a_cooldown_by_address_counts_one_number_for_all_users() -> None:
    key = cooldown_key(CooldownKey.ADDRESS, user="u")

    assert key == cooldown_key(CooldownKey.ADDRESS, user="v") == cooldown_key(CooldownKey.ADDRESS)
    assert key != cooldown_key(CooldownKey.ADDRESS, to=OTHER)


def test_a_cooldown_by_user_counts_one_number_for_one_user() -> None:
    key = cooldown_key(CooldownKey.USER, user="u")

    assert key != cooldown_key(CooldownKey.USER, user="v")
    assert key != cooldown_key(CooldownKey.USER, user="u", to=OTHER)
    assert cooldown_key(CooldownKey.USER) == cooldown_key(CooldownKey.ADDRESS)


@pytest.mark.parametrize("other", [{"name": "other"}, {"channel": Channel.VOICE}, {"tenant": "globex"}], ids=str)
def test_a_cooldown_counts_each_tenant_policy_and_channel_for_itself(other: dict[str, Any]) -> None:
    assert cooldown_key(CooldownKey.ADDRESS, **other) != cooldown_key(CooldownKey.ADDRESS)


@given(parts=st.lists(st.text(max_size=5), max_size=3), others=st.lists(st.text(max_size=5), max_size=3))
def test_only_equal_subjects_have_equal_digests(parts: list[str], others: list[str]) -> None:
    digest = DIGESTER.digest(*parts)

    assert re.fullmatch("[0-9a-f]{32}", digest)
    assert (digest == DIGESTER.digest(*others)) == (parts == others)
    assert digest != Digester(Private("another key")).digest(*parts)
