"""Planning and composing, without Redis; the whole of `apply` is in the integration tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.fernet import Fernet

from senders.accounts import open_token
from senders.apply import Plan, plan, verify
from senders.compose import Composer
from senders.config_file import parse_file
from senders.findings import ConfigRefused
from senders.model import Consent, TenantConfig
from senders.secrets import KeyRing, SecretUnreadable
from tests.support.config_samples import ACME, ENVIRONMENT, FakeProviders
from trunkline_client.private import Token

RING = KeyRing([Fernet.generate_key().decode()])
MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
TUESDAY = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
WITHOUT_FALLBACK = (
    ACME.split("      acme-syniverse:")[0].replace("[acme-twilio, acme-syniverse]", "[acme-twilio]")
)  # fmt: skip


def planned(text: str, current: TenantConfig | None = None, environment: dict[str, str] = ENVIRONMENT) -> Plan:
    return plan(parse_file(text, environment), {"acme": current}, RING)


async def applied(text: str, current: TenantConfig | None = None, at: datetime = MONDAY) -> TenantConfig:
    """Return the configuration that applying `text` over `current` leads to."""
    found = planned(text, current)
    numbers = await verify(found, FakeProviders().for_kind)
    return replace(Composer(numbers, RING, at).config(found.tenants[0].desired, current), version=1)


def lines_of(found: Plan) -> list[str]:
    return [str(difference) for tenant in found.tenants for difference in tenant.differences]


def verified_by(found: Plan) -> list[str]:
    return [candidate.sender.key for tenant in found.tenants for candidate in tenant.to_verify]


def test_a_new_tenant_has_all_of_it_added_and_all_senders_verified() -> None:
    found = planned(ACME)

    assert verified_by(found) == ["acme-twilio", "acme-syniverse"]
    assert "+ senders.acme-twilio.numbers[+18335550199]: selected for CA, US" in lines_of(found)
    assert "+ policies.default.conditions[0]: for GB over sms: acme-syniverse" in lines_of(found)
    assert "+ default_chain: acme-twilio then acme-syniverse" in lines_of(found)


async def test_the_same_file_again_changes_nothing() -> None:
    found = planned(ACME, await applied(ACME))

    assert found.is_empty


def test_a_tenant_named_with_nothing_in_it_is_added() -> None:
    assert lines_of(plan(parse_file("tenants: {new: {}}", {}), {"new": None}, RING)) == ["+ tenant: nothing configured"]


@pytest.mark.parametrize(
    ("old", "new", "line", "asked"),
    [
        ("name: Acme Twilio", "name: Other", "~ senders.acme-twilio.name: Acme Twilio -> Other", []),
        ("by: ops@", "by: new@", "~ senders.acme-twilio.consent: by ops@acme.example -> by new@acme.example", []),
        ("kind: twilio", "kind: twilio\n        enabled: false", "~ senders.acme-twilio.enabled: yes -> no", []),
        ('\n          - {number: "88022"}', "", "- senders.acme-twilio.numbers[88022]: selected", ["acme-twilio"]),
        (
            "countries: [US, CA]",
            "countries: [US]",
            "~ senders.acme-twilio.numbers[+18335550199]: selected for CA, US -> selected for US",
            ["acme-twilio"],
        ),
        (
            '{number: "88022"}',
            '{number: "88022", segments_per_second: 250}',
            "~ senders.acme-twilio.numbers[88022]: selected -> selected at 250 segments/s",
            ["acme-twilio"],
        ),
        (
            "name: Acme Twilio",
            "name: Acme Twilio\n        calls_per_second: 0.5",
            "+ senders.acme-twilio.calls_per_second: 0.5",
            [],
        ),
        (
            "name: Acme Syniverse",
            "name: Acme Syniverse\n        concurrent_requests: 0",
            "+ senders.acme-syniverse.concurrent_requests: no limit",
            [],
        ),
        ("channels: [sms]\n", "channels: [voice]\n", "~ senders.acme-twilio.channels: sms -> voice", ["acme-twilio"]),
        (
            '{id: "channel:2LKQNlviRlbjs"}',
            '{id: "channel:2LKQNlviRlbjs", countries: [FR]}',
            "~ senders.acme-syniverse.originators: {0}; {1} -> {0}; {1} for FR",
            ["acme-syniverse"],
        ),
        (
            "default_chain: [acme-twilio, acme-syniverse]",
            "default_chain: [acme-syniverse]",
            "~ default_chain: acme-twilio then acme-syniverse -> acme-syniverse",
            [],
        ),
        ("default:\n", "default:\n        on_unknown: hold\n", "~ policies.default.on_unknown: reconcile -> hold", []),
    ],
)
async def test_only_what_a_sender_is_used_for_asks_its_account_again(
    old: str, new: str, line: str, asked: list[str]
) -> None:
    found = planned(ACME.replace(old, new, 1), await applied(ACME))

    originators = ("channel:1KJPMkuHQkair for GB, US over sms", "channel:2LKQNlviRlbjs")
    assert lines_of(found) == [line.format(*originators)]
    assert verified_by(found) == asked


async def test_what_the_file_leaves_out_is_removed() -> None:
    lines = lines_of(planned(WITHOUT_FALLBACK, await applied(ACME)))

    assert "- senders.acme-syniverse.kind: syniverse" in lines
    assert "- policies.default.conditions[1]: everything else: acme-twilio then acme-syniverse" in lines


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (("AC0", "AC1"), "senders.acme-twilio.account_sid"),
        (("${ACME_TWILIO_TOKEN}", "other"), "senders.acme-twilio.auth_token"),
        (("${ACME_SYNIVERSE_TOKEN}", "other"), "senders.acme-syniverse.access_token"),
    ],
)
async def test_a_credential_cannot_change_under_an_existing_key(change: tuple[str, str], field: str) -> None:
    current = await applied(ACME)

    with pytest.raises(ConfigRefused) as caught:
        planned(ACME.replace(*change), current)
    assert [error.field for error in caught.value.errors] == [f"tenants.acme.{field}"]
    assert "add a sender with a new key, repoint the chains to it and drop this one" in str(caught.value)


async def test_a_kind_cannot_change_under_an_existing_key() -> None:
    service = "twilio_messaging_service\n        messaging_service_sid: MG" + "1" * 32
    text = WITHOUT_FALLBACK.replace("kind: twilio", f"kind: {service}").split("        numbers:")[0]

    with pytest.raises(ConfigRefused) as caught:
        planned(text, await applied(ACME))
    assert [error.field for error in caught.value.errors] == ["tenants.acme.senders.acme-twilio.kind"]


async def test_a_new_key_for_a_new_credential_and_the_old_one_dropped_is_one_step() -> None:
    text = WITHOUT_FALLBACK.replace("acme-twilio", "acme-twilio-2").replace("${ACME_TWILIO_TOKEN}", "other")
    config = await applied(text, await applied(ACME))

    assert set(config.senders) == {"acme-twilio-2"}
    assert open_token(RING, "acme", config.senders["acme-twilio-2"]) == Token("other")


async def test_a_deleted_sender_keeps_its_secret_for_attempts_of_unknown_outcome() -> None:
    config = await applied(WITHOUT_FALLBACK, await applied(ACME))

    retired = config.sender_of_attempt("acme-syniverse", "acme-syniverse")
    assert retired is not None
    assert open_token(RING, "acme", retired) == Token("syniverse-token-1")


async def test_a_deleted_sender_that_comes_back_is_not_kept_twice() -> None:
    config = await applied(ACME, await applied(WITHOUT_FALLBACK, await applied(ACME)))

    assert config.retired == ()


async def test_a_stored_secret_is_kept_as_it_is_and_a_new_one_is_sealed() -> None:
    before = await applied(ACME)
    after = await applied(ACME.replace("Acme Twilio", "Other"), before)

    assert after.senders["acme-twilio"].sealed_secret == before.senders["acme-twilio"].sealed_secret
    assert open_token(RING, "acme", after.senders["acme-twilio"]) == Token("twilio-token-1")


async def test_consent_is_recorded_once_with_its_time() -> None:
    before = await applied(ACME)
    same = await applied(ACME.replace("Acme Twilio", "Other"), before, at=TUESDAY)
    renewed = await applied(ACME.replace("by: ops@", "by: new@"), before, at=TUESDAY)

    assert same.senders["acme-twilio"].consent == Consent("ops@acme.example", "2026-11-23T08:00:00Z")
    assert renewed.senders["acme-twilio"].consent == Consent("new@acme.example", "2026-11-24T08:00:00Z")


async def test_numbers_stay_imported_when_the_account_need_not_be_asked() -> None:
    before = await applied(ACME)
    after = await applied(ACME.replace("Acme Twilio", "Other"), before)

    assert after.senders["acme-twilio"].numbers == before.senders["acme-twilio"].numbers
    assert len(after.senders["acme-twilio"].numbers) == 4


async def test_another_key_ring_cannot_plan_over_stored_senders() -> None:
    current = await applied(ACME)

    with pytest.raises(SecretUnreadable, match="sender acme-twilio of tenant acme"):
        plan(parse_file(ACME, ENVIRONMENT), {"acme": current}, KeyRing([Fernet.generate_key().decode()]))


async def test_a_plan_shows_no_credential() -> None:
    found = planned(ACME)

    assert "token-1" not in f"{found}{lines_of(found)}"
