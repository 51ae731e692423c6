"""Quotas and cooldowns in a configuration file: what they mean, and what is wrong with them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from senders.config_file import parse_file
from senders.differences import differences
from senders.findings import ConfigRefused
from senders.model import ChannelCooldown, Cooldown, CooldownKey, Policy, Quota, QuotaScope
from tests.support.sender_samples import BOTH, SMS

PAGE = Path(__file__).parents[3] / "docs" / "policies.md"
BOTH_OFF = "sms: {enabled: false}, voice: {enabled: false}"


def policy(text: str) -> Policy:
    return parse_file(f"tenants: {{acme: {{policies: {{default: {text}}}}}}}", {})["acme"].policies["default"]


def errors_of(text: str) -> dict[str, str]:
    with pytest.raises(ConfigRefused) as caught:
        policy(text)
    path = "tenants.acme.policies.default."
    return {error.field.removeprefix(path): error.problem for error in caught.value.errors}


@pytest.mark.parametrize(
    ("entry", "quota"),
    [
        ("{per: user, total: 10}", Quota(QuotaScope.USER, total=10)),
        ("{per: user, total: 10, channels: [sms, voice]}", Quota(QuotaScope.USER, BOTH, total=10)),
        ("{per: tenant, used: 15, unused: 10}", Quota(QuotaScope.TENANT, used=15, unused=10)),
        ("{per: tenant, total: 1000000, channels: [sms]}", Quota(QuotaScope.TENANT, SMS, total=1_000_000)),
    ],
)
def test_a_quota_has_a_total_or_used_and_unused(entry: str, quota: Quota) -> None:
    assert policy(f"{{quotas: [{entry}]}}").quotas == (quota,)


def test_a_policy_without_quotas_is_unlimited() -> None:
    assert (policy("{}").quotas, policy("{quotas: []}").quotas, policy("{}").cooldown) == ((), (), None)


@pytest.mark.parametrize(
    ("entry", "field", "problem"),
    [
        ("{per: user}", "quotas[0]", "needs either total, or used and unused"),
        ("{per: user, used: 5}", "quotas[0]", "needs both used and unused, or neither"),
        ("{per: user, unused: 5}", "quotas[0]", "needs both used and unused, or neither"),
        ("{per: user, total: 5, used: 5}", "quotas[0]", "needs both used and unused, or neither"),
        ("{per: user, total: 5, used: 5, unused: 5}", "quotas[0]", "needs either total, or used and unused"),
        ("{per: user, total: 0}", "quotas[0].total", "must be 1 to 1,000,000"),
        ("{per: user, total: 1000001}", "quotas[0].total", "must be 1 to 1,000,000"),
        ("{per: user, total: many}", "quotas[0].total", "must be 1 to 1,000,000"),
        ("{per: user, used: 0, unused: 1}", "quotas[0].used", "must be 1 to 1,000,000"),
        ("{per: user, used: 1, unused: -1}", "quotas[0].unused", "must be 1 to 1,000,000"),
        ("{per: account, total: 5}", "quotas[0].per", "must be 'user' or 'tenant'"),
        ("{total: 5}", "quotas[0].per", "is missing"),
        ("{per: user, total: 5, channels: []}", "quotas[0].channels", "must not be empty"),
        ("{per: user, total: 5}, {per: user, total: 6}", "quotas", "there are two quotas per user"),
        ("{per: user, claimed: 5}", "quotas[0].claimed", "is no key that is known here"),
    ],
)
def test_a_quota_is_never_half_nor_both_forms_nor_out_of_range(entry: str, field: str, problem: str) -> None:
    errors = errors_of(f"{{quotas: [{entry}]}}")

    assert list(errors) == [field]
    assert problem in errors[field]


def test_a_cooldown_has_three_periods_and_a_resend_limit_for_each_channel() -> None:
    found = policy("{cooldown: {by: user, sms: {periods: [45s, 2m, 5m], resend_limit: 3}, voice: {enabled: false}}}")

    assert found.cooldown == Cooldown(CooldownKey.USER, ChannelCooldown((45, 120, 300), 3), None)


def test_a_cooldown_is_by_address_unless_it_says_by_user() -> None:
    assert policy(f"{{cooldown: {{{BOTH_OFF}}}}}").cooldown == Cooldown(CooldownKey.ADDRESS, None, None)


@pytest.mark.parametrize(
    ("sms", "field", "problem"),
    [
        ("{periods: [45s, 2m], resend_limit: 3}", "sms.periods", "must have exactly 3"),
        ("{periods: [45s, 2m, 5m, 6m], resend_limit: 3}", "sms.periods", "must have exactly 3"),
        ("{periods: 45s, resend_limit: 3}", "sms.periods", "must have exactly 3"),
        ("{periods: [9s, 2m, 5m], resend_limit: 3}", "sms.periods[0]", "must be 10s to 600s, or 1m to 10m"),
        ("{periods: [45s, 601s, 5m], resend_limit: 3}", "sms.periods[1]", "must be 10s to 600s, or 1m to 10m"),
        ("{periods: [45s, 2m, 11m], resend_limit: 3}", "sms.periods[2]", "must be 10s to 600s, or 1m to 10m"),
        ("{periods: [45s, 2m, 0m], resend_limit: 3}", "sms.periods[2]", "must be 10s to 600s, or 1m to 10m"),
        ("{periods: [45, 2m, 5m], resend_limit: 3}", "sms.periods[0]", "must be 10s to 600s, or 1m to 10m"),
        ("{periods: [45s, 2m, 5m], resend_limit: 0}", "sms.resend_limit", "must be 1 to 10"),
        ("{periods: [45s, 2m, 5m], resend_limit: 11}", "sms.resend_limit", "must be 1 to 10"),
        ("{periods: [45s, 2m, 5m]}", "sms", "needs periods and resend_limit, or enabled: false"),
        ("{resend_limit: 3}", "sms", "needs periods and resend_limit, or enabled: false"),
        ("{enabled: perhaps}", "sms.enabled", "must be true or false"),
    ],
)
def test_a_cooldown_out_of_range_or_incomplete_names_the_field(sms: str, field: str, problem: str) -> None:
    errors = errors_of(f"{{cooldown: {{sms: {sms}, voice: {{enabled: false}}}}}}")

    assert list(errors) == [f"cooldown.{field}"]
    assert problem in errors[f"cooldown.{field}"]


@pytest.mark.parametrize(("given", "missing"), [("sms", "voice"), ("voice", "sms")])
def test_a_cooldown_names_both_channels(given: str, missing: str) -> None:
    assert errors_of(f"{{cooldown: {{{given}: {{enabled: false}}}}}}") == {f"cooldown.{missing}": "is missing"}


@given(number=st.integers(0, 99), unit=st.sampled_from("sm"))
def test_a_period_is_in_range_whatever_its_unit(number: int, unit: str) -> None:
    text = (
        f"{{cooldown: {{sms: {{periods: [{number}{unit}, 10s, 10m], resend_limit: 10}}, voice: {{enabled: false}}}}}}"
    )
    period_s = number * (60 if unit == "m" else 1)
    if 10 <= period_s <= 600:
        found = policy(text).cooldown
        assert found
        assert found.sms == ChannelCooldown((period_s, 10, 600), 10)
    else:
        assert list(errors_of(text)) == ["cooldown.sms.periods[0]"]


def test_the_example_of_the_page_about_policies_is_valid() -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    indented = "".join(f"    {line}\n" for line in example.splitlines())
    policies = parse_file(f"tenants:\n  acme:\n{indented}", {})["acme"].policies

    assert len(policies["default"].quotas) == 2
    assert policies["default"].cooldown == Cooldown(CooldownKey.ADDRESS, ChannelCooldown((45, 120, 300), 3), None)


def test_what_changes_in_limits_is_shown_in_words() -> None:
    limited = (
        "{quotas: [{per: user, total: 10}, {per: tenant, used: 15, unused: 10, channels: [sms]}], cooldown: {sms: "
    )
    limited += "{periods: [45s, 2m, 5m], resend_limit: 3}, voice: {enabled: false}}}"
    before, after = (
        parse_file(f"tenants: {{acme: {{policies: {{default: {text}}}}}}}", {})["acme"] for text in ("{}", limited)
    )

    assert [str(one) for one in differences(after, before)] == [
        "+ policies.default.quotas.user: 10 a day",
        "+ policies.default.quotas.tenant: 15 used and 10 unused a day over sms",
        "+ policies.default.cooldown.by: address",
        "+ policies.default.cooldown.sms: 45 s, then 2 min, then 5 min; at most 3 resends",
        "+ policies.default.cooldown.voice: none",
    ]
