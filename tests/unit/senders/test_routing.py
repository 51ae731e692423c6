from __future__ import annotations

from dataclasses import replace

import pytest

from senders.model import Condition, Originator, Policy, Sender
from senders.policy import Rule
from senders.routing import Route, RouteSource, UnknownPolicy, Unusable, route, unusable
from tests.support.sender_samples import SMS, gateway, phone, service, syniverse, tenant, twilio
from trunkline_client.words import Channel

GB_SMS = Condition(("gb",), countries=frozenset({"GB"}), channels=SMS)
ALL_GB = Condition(("gb-voice",), countries=frozenset({"GB"}))
REST = Condition(("own", "fallback"))
SMS_REST = Condition(("own",), channels=SMS)


@pytest.mark.parametrize(
    ("conditions", "channel", "country", "chain", "source"),
    [
        ((GB_SMS, REST), Channel.SMS, "GB", ("gb",), RouteSource.CONDITION),
        ((GB_SMS, REST), Channel.VOICE, "GB", ("own", "fallback"), RouteSource.CONDITION),
        ((GB_SMS, REST), Channel.SMS, None, ("own", "fallback"), RouteSource.CONDITION),
        ((GB_SMS, ALL_GB, REST), Channel.SMS, "GB", ("gb",), RouteSource.CONDITION),
        ((GB_SMS, ALL_GB, REST), Channel.VOICE, "GB", ("gb-voice",), RouteSource.CONDITION),
        ((SMS_REST,), Channel.VOICE, "US", ("usual",), RouteSource.DEFAULT_CHAIN),
        ((), Channel.SMS, "US", ("usual",), RouteSource.DEFAULT_CHAIN),
    ],
)
def test_the_first_matching_condition_else_the_default_chain_is_the_route(
    conditions: tuple[Condition, ...],
    channel: Channel,
    country: str | None,
    chain: tuple[str, ...],
    source: RouteSource,
) -> None:
    policy = Policy("default", conditions=conditions)
    config = tenant(policies={"default": policy}, default_chain=("usual",))

    assert route(config, policy_name=None, channel=channel, country=country) == Route(policy, chain, source)


def test_a_tenant_without_any_chain_has_an_empty_route() -> None:
    found = route(tenant(), policy_name=None, channel=Channel.SMS, country="US")

    assert isinstance(found, Route)
    assert (found.chain, found.source) == ((), RouteSource.NONE)


def test_a_policy_the_tenant_does_not_have_rejects_the_job() -> None:
    found = route(tenant(), policy_name="other", channel=Channel.SMS, country="US")

    assert found == UnknownPolicy("other", Rule.POLICY)


OWN = twilio(phone("+14155550100"))
FALLBACK = syniverse(Originator("channel:a"))


@pytest.mark.parametrize(
    ("sender", "reason"),
    [
        (OWN, None),
        (FALLBACK, None),
        (service(), None),
        (None, Unusable.UNKNOWN),
        (replace(OWN, enabled=False), Unusable.DISABLED),
        (replace(OWN, consent=None), Unusable.DRAFT),
        (twilio(phone("+14155550100", selected=False)), Unusable.DRAFT),
        (twilio(), Unusable.DRAFT),
        (syniverse(), Unusable.DRAFT),
        (replace(service(), messaging_service_sid=None), Unusable.DRAFT),
        (gateway(), None),
        (replace(gateway(), consent=None), Unusable.DRAFT),
        (replace(gateway(), gateway=None), Unusable.DRAFT),
    ],
)
def test_a_sender_in_a_chain_is_usable_or_says_why_not(sender: Sender | None, reason: Unusable | None) -> None:
    assert unusable(sender) == reason


def test_a_sender_whose_numbers_are_all_gone_is_usable_and_finds_no_number() -> None:
    assert unusable(twilio(phone("+14155550100", available=False))) is None
