"""What a replay would lead to, by its tenant's rules as they are; nothing is asked of Redis."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from senders.model import Condition, CountryLimit, Policy, TenantConfig
from tasks.replay import Refused, Requeued, Terms, Why
from tasks.replay_plan import Facts, Prospect, prospect, why_not
from tasks.replay_runs import Counts
from tests.support.flow import config, syniverse, twilio
from trunkline_client.words import Channel, JobState, Lane

FACTS = Facts(id="job-1", is_there=True, tenant="acme", channel=Channel.SMS, country="US", why="auth")
BOTH = ("acme-twilio", "acme-syniverse")
NO_CHAIN, NO_NUMBER = Prospect(end="failed (no_chain)"), Prospect(end="failed (no_number)")
VOICE_ONLY = replace(twilio(), channels=frozenset({Channel.VOICE}))


def policy(**more: object) -> TenantConfig:
    return config(policy=replace(Policy("default"), **more))  # type: ignore[arg-type]


CLOSED = policy(country_limit=CountryLimit(deny=frozenset({"US"})))
TO_FALLBACK = policy(conditions=(Condition(("acme-syniverse",), countries=frozenset({"US"})),))


@pytest.mark.parametrize(
    ("tenant", "facts", "via", "expected"),
    [
        (config(), FACTS, None, Prospect(BOTH)),
        (config(), FACTS, "acme-syniverse", Prospect(BOTH[1:])),
        (None, FACTS, None, NO_CHAIN),
        (config(), replace(FACTS, keeps=BOTH[1:]), None, Prospect(BOTH[1:])),
        (config(), replace(FACTS, keeps=BOTH[1:]), "acme-twilio", Prospect(BOTH[:1])),
        (config(), replace(FACTS, keeps=()), None, Prospect(end="failed (unavailable)")),
        (config(replace(twilio(), enabled=False), syniverse()), FACTS, None, Prospect(BOTH[1:])),
        (config(replace(twilio(), consent=None)), FACTS, None, NO_NUMBER),
        (
            config(replace(twilio(), channels=frozenset({Channel.VOICE}))),
            FACTS,
            None,
            Prospect(end="failed (no_number)"),
        ),
        (
            policy(conditions=(Condition(("acme-syniverse",), countries=frozenset({"US"})),)),
            FACTS,
            None,
            Prospect(BOTH[1:]),
        ),
        (
            policy(country_limit=CountryLimit(deny=frozenset({"US"}))),
            FACTS,
            "acme-twilio",
            Prospect(end="rejected (country)"),
        ),
        (
            policy(country_limit=CountryLimit(deny=frozenset({"US"}))),
            replace(FACTS, country=None),
            None,
            Prospect(BOTH),
        ),
        (config(), replace(FACTS, policy="gone"), None, Prospect(end="rejected (policy)")),
        (config(), replace(FACTS, channel=None), None, NO_CHAIN),
    ],
)
def test_a_job_goes_where_its_tenants_rules_say_now(
    tenant: TenantConfig | None, facts: Facts, via: str | None, expected: Prospect
) -> None:
    assert prospect(tenant, facts, via) == expected


@pytest.mark.parametrize(
    ("tenant", "why"),
    [
        (config(), None),
        (None, "unknown_sender"),
        (config(syniverse()), "unknown_sender"),
        (config(replace(twilio(), enabled=False)), "disabled"),
        (config(replace(twilio(), consent=None)), "draft"),
        (config(VOICE_ONLY), "not for sms"),
    ],
)
def test_a_sender_serves_a_replay_if_it_may_be_used(tenant: TenantConfig | None, why: str | None) -> None:
    assert why_not(tenant, "acme-twilio", Channel.SMS) == why


@pytest.mark.parametrize(
    "terms", [Terms(), Terms(unknown=True, ttl=timedelta(minutes=10), lane=Lane.BULK, via="acme-twilio")]
)
def test_terms_are_read_as_they_were_written(terms: Terms) -> None:
    assert Terms.of_json(terms.as_json()) == terms


def test_counts_add_up() -> None:
    counts = Counts().plus([Requeued("a", JobState.QUEUED), Refused("b", Why.HELD)]).plus([Refused("c", Why.HELD)])

    assert (counts.selected, counts.requeued, counts.refused) == (3, 1, {Why.HELD: 2})


@pytest.mark.parametrize("why", Why)
def test_every_refusal_has_a_reason_for_people(why: Why) -> None:
    assert Refused("job-1", why, "x").reason
