"""Country limits and conditions, one rule to a test."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from senders.config_file import parse_file
from senders.countries import COUNTRIES
from senders.findings import ConfigRefused
from senders.model import Condition, CountryLimit, Policy
from senders.policy import check_country
from senders.routing import Route, RouteSource, route
from tests.support.sender_samples import BOTH, SMS, tenant
from trunkline_client.words import Channel

countries = st.sampled_from(sorted(COUNTRIES))
lists = st.frozensets(countries, min_size=1, max_size=5)
channels = st.sampled_from(list(Channel))


def is_admitted(limit: CountryLimit | None, country: str | None, channel: Channel = Channel.SMS) -> bool:
    return check_country(Policy("p", country_limit=limit), channel=channel, country=country).is_allowed


def chain_of(policy: Policy, channel: Channel = Channel.SMS, country: str | None = "US") -> Route:
    config = tenant(policies={"default": policy}, default_chain=("usual",))
    found = route(config, policy_name=None, channel=channel, country=country)
    assert isinstance(found, Route)
    return found


@given(country=countries, channel=channels)
def test_without_a_country_limit_every_country_is_admitted(country: str, channel: Channel) -> None:
    assert is_admitted(None, country, channel)


@given(listed=lists, country=countries, channel=channels)
def test_an_allow_list_admits_its_countries_and_no_other(
    listed: frozenset[str], country: str, channel: Channel
) -> None:
    assert is_admitted(CountryLimit(allow=listed), country, channel) == (country in listed)


@given(listed=lists, country=countries, channel=channels)
def test_a_deny_list_admits_all_but_its_countries(listed: frozenset[str], country: str, channel: Channel) -> None:
    assert is_admitted(CountryLimit(deny=listed), country, channel) == (country not in listed)


def test_an_unknown_country_is_refused_by_an_allow_list_and_admitted_by_a_deny_list() -> None:
    assert not is_admitted(CountryLimit(allow=frozenset({"US"})), None)
    assert is_admitted(CountryLimit(deny=frozenset({"US"})), None)


@pytest.mark.parametrize("both", [None, BOTH])
def test_a_country_limit_is_for_both_channels_unless_it_names_one(both: frozenset[Channel] | None) -> None:
    limit, only_sms = (CountryLimit(deny=frozenset({"RU"}), channels=channels) for channels in (both, SMS))

    assert [is_admitted(limit, "RU", channel) for channel in Channel] == [False, False]
    assert [is_admitted(only_sms, "RU", channel) for channel in Channel] == [False, True]


def test_the_first_condition_that_matches_is_taken() -> None:
    gb = Condition(("gb",), countries=frozenset({"GB"}))
    policy = Policy("default", conditions=(gb, Condition(("sms",), channels=SMS), Condition(("rest",))))

    assert chain_of(policy, country="GB").chain == ("gb",)
    assert chain_of(policy, country="US").chain == ("sms",)
    assert chain_of(policy, Channel.VOICE, country="US").chain == ("rest",)


def test_the_condition_without_countries_is_for_unknown_countries_too() -> None:
    gb = Condition(("gb",), countries=frozenset({"GB"}))

    assert chain_of(Policy("default", conditions=(gb, Condition(("rest",)))), country=None).chain == ("rest",)


def test_a_condition_comes_before_the_default_chain_and_without_one_that_is_taken() -> None:
    assert chain_of(Policy("default", conditions=(Condition(("own",)),))).source is RouteSource.CONDITION
    assert chain_of(Policy("default")).source is RouteSource.DEFAULT_CHAIN


@pytest.mark.parametrize(
    ("condition", "field"),
    [
        ("{}", "chain"),
        ("{chain: []}", "chain"),
        ("{chain: [a], countries: []}", "countries"),
        ("{chain: [a], channels: []}", "channels"),
    ],
)
def test_a_condition_has_a_chain_and_no_empty_list(condition: str, field: str) -> None:
    with pytest.raises(ConfigRefused) as caught:
        parse_file(f"tenants: {{acme: {{policies: {{default: {{conditions: [{condition}]}}}}}}}}", {})

    path = f"tenants.acme.policies.default.conditions[0].{field}"
    assert path in [error.field for error in caught.value.errors]
