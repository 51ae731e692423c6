"""Which events a change of a configuration leaves, and that they keep what is secret to themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from senders.apply import plan, verify
from senders.audit import UNREADABLE, AuditAction, AuditEvent, FieldChange, events_of
from senders.compose import Composer
from senders.config_file import parse_file
from senders.differences import Difference
from senders.model import TenantConfig
from senders.secrets import KeyRing
from tests.support.config_samples import ACME, ENVIRONMENT, FakeProviders

RING = KeyRing([Fernet.generate_key().decode()])
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
WITHOUT_FALLBACK = ACME.split("      acme-syniverse:")[0].replace(", acme-syniverse]", "]")


async def applied(
    text: str, current: TenantConfig | None = None, environment: dict[str, str] = ENVIRONMENT
) -> tuple[TenantConfig, tuple[AuditEvent, ...]]:
    """Return the configuration that applying `text` leads to, and the events of it."""
    planned = plan(parse_file(text, environment), {"acme": current}, RING)
    numbers = await verify(planned, FakeProviders().for_kind)
    (tenant,) = planned.tenants
    config = Composer(numbers, RING, NOW).config(tenant.desired, current)
    events = events_of("ops", "acme", tenant.differences, before=current, after=config)
    return replace(config, version=config.version + 1), events


def named(events: tuple[AuditEvent, ...]) -> list[tuple[str, str]]:
    return [(event.action, event.subject) for event in events]


async def test_a_new_tenant_leaves_an_event_for_itself_and_one_for_each_of_its_objects() -> None:
    _, events = await applied(ACME)

    assert named(events) == [
        (AuditAction.TENANT_CREATED, ""),
        (AuditAction.SENDER_CREATED, "acme-syniverse"),
        (AuditAction.SENDER_CREATED, "acme-twilio"),
        (AuditAction.POLICY_CREATED, "default"),
        (AuditAction.DEFAULT_CHAIN_CHANGED, ""),
    ]
    assert {(event.actor, event.tenant) for event in events} == {("ops", "acme")}


async def test_a_tenant_created_with_nothing_in_it_leaves_one_event_without_changes() -> None:
    _, events = await applied("tenants: {acme: {}}")

    assert events == (AuditEvent(actor="ops", action=AuditAction.TENANT_CREATED, tenant="acme"),)


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("by: ops@", "by: new@", FieldChange("consent", "by ops@acme.example", "by new@acme.example")),
        ("kind: twilio", "kind: twilio\n        enabled: false", FieldChange("enabled", "yes", "no")),
        ('\n          - {number: "88022"}', "", FieldChange("numbers[88022]", "selected", None)),
        (
            "countries: [US, CA]",
            "countries: [US]",
            FieldChange("numbers[+18335550199]", "selected for CA, US", "selected for US"),
        ),
    ],
)
async def test_consent_use_selection_and_countries_are_seen_in_the_event_of_their_sender(
    old: str, new: str, change: FieldChange
) -> None:
    before, _ = await applied(ACME)

    _, events = await applied(ACME.replace(old, new, 1), before)

    assert named(events) == [(AuditAction.SENDER_UPDATED, "acme-twilio")]
    assert events[0].changes == (change,)


async def test_a_deleted_sender_and_the_chain_without_it_are_events_of_their_own() -> None:
    before, _ = await applied(ACME)

    _, events = await applied(WITHOUT_FALLBACK, before)

    assert named(events) == [
        (AuditAction.SENDER_DELETED, "acme-syniverse"),
        (AuditAction.POLICY_DELETED, "default"),
        (AuditAction.DEFAULT_CHAIN_CHANGED, ""),
    ]


async def test_a_policy_that_loses_and_gains_fields_is_one_updated_object() -> None:
    before, _ = await applied(ACME)
    own_first = "          - {countries: [GB], channels: [sms], chain: [acme-syniverse]}\n"
    changed = ACME.replace(own_first, "").replace("      default:\n", "      default:\n        on_unknown: hold\n")

    _, events = await applied(changed, before)

    assert named(events) == [(AuditAction.POLICY_UPDATED, "default")]
    assert [change.field for change in events[0].changes] == ["conditions[1]", "conditions[0]", "on_unknown"]


async def test_keys_with_dots_in_them_are_told_apart() -> None:
    dotted = ACME.replace("acme-syniverse", "acme-twilio.name")
    before, _ = await applied(dotted)

    _, events = await applied(dotted.replace("name: Acme Twilio", "name: Own"), before)

    assert named(events) == [(AuditAction.SENDER_UPDATED, "acme-twilio")]


@given(token=st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=40))
async def test_no_credential_is_ever_part_of_an_event(token: str) -> None:
    canary = f"canary{token}"
    _, events = await applied(ACME, environment=dict.fromkeys(ENVIRONMENT, canary))

    text = "".join(event.encode() for event in events)

    assert canary not in text
    assert "f1:" not in text


changes = st.builds(FieldChange, st.text(), st.none() | st.text(), st.none() | st.text())


@given(event=st.builds(AuditEvent, actor=st.text(), action=st.text(), changes=st.lists(changes).map(tuple)))
def test_an_event_is_read_as_it_was_written(event: AuditEvent) -> None:
    assert AuditEvent.decode(event.encode()) == event


@pytest.mark.parametrize(
    "text", ["", "junk", "[]", "1", "{}", '{"actor":"a","action":"b","tenant":"c","subject":"d","changes":[1]}']
)
def test_an_entry_that_is_no_event_does_not_hide_the_others(text: str) -> None:
    assert AuditEvent.decode(text).action == UNREADABLE


def test_a_difference_is_one_line_whatever_it_holds() -> None:
    difference = Difference("senders.own.requests[sms].body", None, '{\n"a": "\x1b[2J\u2028ä"}')

    assert str(difference) == r'+ senders.own.requests[sms].body: {\n"a": "\x1b[2J\u2028ä"}'
