from __future__ import annotations

import pytest

from senders.model import CountryLimit, Policy
from senders.policy import DEFAULT_POLICY, Rule, check_country, find_policy
from tests.support.sender_samples import SMS, tenant
from trunkline_client.words import Channel

ALLOW = CountryLimit(allow=frozenset({"US", "CA"}))
DENY = CountryLimit(deny=frozenset({"RU"}))
ALLOW_SMS = CountryLimit(allow=frozenset({"US"}), channels=SMS)


@pytest.mark.parametrize(
    ("limit", "channel", "country", "refused_by"),
    [
        (None, Channel.SMS, "RU", None),
        (None, Channel.SMS, None, None),
        (ALLOW, Channel.SMS, "US", None),
        (ALLOW, Channel.SMS, "GB", Rule.COUNTRY),
        (ALLOW, Channel.SMS, None, Rule.COUNTRY),
        (DENY, Channel.VOICE, "RU", Rule.COUNTRY),
        (DENY, Channel.VOICE, "US", None),
        (DENY, Channel.VOICE, None, None),
        (ALLOW_SMS, Channel.SMS, "GB", Rule.COUNTRY),
        (ALLOW_SMS, Channel.VOICE, "GB", None),
    ],
)
def test_the_country_limit_admits_or_names_its_rule(
    limit: CountryLimit | None, channel: Channel, country: str | None, refused_by: Rule | None
) -> None:
    admission = check_country(Policy("p", country_limit=limit), channel=channel, country=country)

    assert admission.refused_by == refused_by
    assert admission.is_allowed == (refused_by is None)


@pytest.mark.parametrize("name", [None, "default"])
def test_a_tenant_without_policies_has_the_safe_defaults(name: str | None) -> None:
    assert find_policy(tenant(), name) is DEFAULT_POLICY


def test_a_job_gets_the_policy_it_names() -> None:
    marketing, usual = Policy("marketing"), Policy("default")
    config = tenant(policies={"marketing": marketing, "default": usual})

    assert find_policy(config, "marketing") is marketing
    assert find_policy(config, None) is usual
    assert find_policy(config, "other") is None
