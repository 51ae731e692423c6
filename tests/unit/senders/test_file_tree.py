"""A stored configuration as a file, and back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from senders.apply import plan, verify
from senders.compose import Composer
from senders.config_file import parse_file, parse_tree
from senders.desired import desired_of
from senders.file_tree import tree_of
from senders.findings import ConfigRefused
from senders.model import TenantConfig
from senders.secrets import KeyRing
from senders.yaml_text import read_yaml
from senders.yaml_writing import write_yaml
from tests.support.config_samples import ACME, ENVIRONMENT, FakeProviders

RING = KeyRing([Fernet.generate_key().decode()])
EVERYTHING = ACME.replace(
    "      default:\n",
    """      default:
        country_limit: {deny: [KP, NO], channels: [voice]}
        fallback: {recipient: false, unsubscribed: true}
        on_unknown: hold
        quotas: [{per: user, used: 15, unused: 10}, {per: tenant, total: 1000, channels: [sms]}]
        cooldown: {by: user, sms: {periods: [45s, 2m, 5m], resend_limit: 3}, voice: {enabled: false}}
""",
).replace("name: Acme Twilio", "name: '${ACME_NAME}'\n        enabled: false")
GATEWAY = """
    senders:
      acme-gateway:
        kind: gateway
        name: Own
        consent: {by: ops@acme.example}
        channels: [sms, voice]
        authentication: {method: OAUTH2, auth_url: https://id.example/token, client_id: me, client_secret: secret-1}
        requests:
          - channel: sms
            method: POST
            url: https://gw.example/sms
            headers: {content-type: application/json, X-Brand: 'a: b'}
            body: '{"to": "${to}", "text": "${message}", "from": "${from}", "price": "$${x}"}'
            number_format: NUMBER_ONLY
          - channel: voice
            method: GET
            url: https://gw.example/call?to=${to}&text=${message}
            before_tag: <Say>
            after_tag: </Say> <Pause/>
        numbers:
          - {number: "+18335550111", type: TOLL_FREE, capabilities: [SMS, VOICE], countries: [US]}
"""
NAMES = {"ACME_NAME": "Acme ${to} $${x} No: #1"}


async def stored(text: str = EVERYTHING) -> TenantConfig:
    found = plan(parse_file(text, ENVIRONMENT | NAMES), {"acme": None}, RING)
    numbers = await verify(found, FakeProviders().for_kind)
    config = Composer(numbers, RING, datetime(2026, 11, 23, tzinfo=UTC)).config(found.tenants[0].desired, None)
    return replace(config, version=1)


async def test_a_written_configuration_read_back_changes_nothing_and_needs_no_secret() -> None:
    config = await stored()
    text = write_yaml(tree_of([config]))

    assert plan(parse_file(text, {}), {"acme": config}, RING).is_empty
    assert parse_file(text, {})["acme"] == desired_of(config)


async def test_a_gateway_read_back_is_the_same_with_the_variables_of_its_messages() -> None:
    config = await stored(f"tenants:\n  acme:{GATEWAY}")
    text = write_yaml(tree_of([config]))

    assert plan(parse_file(text, {}), {"acme": config}, RING).is_empty
    assert '"price": "$${x}"' in text
    assert "secret-1" not in text


@pytest.mark.parametrize("old", ["https://gw.example/sms", "https://gw.example/call"])
@pytest.mark.parametrize("origin", ["https://elsewhere.example:443", "https://gw.example:8443"])
async def test_a_stored_credential_of_a_gateway_goes_to_no_other_host_or_port(old: str, origin: str) -> None:
    config = await stored(f"tenants:\n  acme:{GATEWAY}")
    text = write_yaml(tree_of([config])).replace(old, origin + "/sms?x=${to}${message}", 1)

    with pytest.raises(ConfigRefused) as refused:
        plan(parse_file(text, {}), {"acme": config}, RING)
    (error,) = refused.value.errors
    assert error.field == "tenants.acme.senders.acme-gateway.requests"
    assert f"lead to another host ({origin})" in error.problem


async def test_no_credential_is_in_what_is_written() -> None:
    text = write_yaml(tree_of([await stored()]))

    assert not any(secret in text for secret in ENVIRONMENT.values())
    assert "f1:" not in text
    assert text.count("${stored}") == 2


async def test_a_new_sender_cannot_refer_to_a_stored_credential() -> None:
    text = write_yaml(tree_of([await stored()]))

    with pytest.raises(ConfigRefused) as refused:
        plan(parse_file(text, {}), {"acme": None}, RING)
    assert [error.field for error in refused.value.errors] == [
        "tenants.acme.senders.acme-twilio.auth_token",
        "tenants.acme.senders.acme-syniverse.access_token",
    ]


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("name: '${ACME_NAME}'", "name: ${stored}", "name"),
        ("auth_token: ${ACME_TWILIO_TOKEN}", "auth_token: x${stored}", "auth_token"),
    ],
)
def test_the_stored_reference_stands_for_whole_credentials_only(old: str, new: str, field: str) -> None:
    with pytest.raises(ConfigRefused) as refused:
        parse_file(EVERYTHING.replace(old, new), ENVIRONMENT | NAMES)
    assert [error.field for error in refused.value.errors] == [f"tenants.acme.senders.acme-twilio.{field}"]


async def test_a_tree_can_be_read_without_writing_it() -> None:
    config = await stored()

    assert parse_tree(tree_of([config])) == {"acme": desired_of(config)}


TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
TREES = st.recursive(
    st.one_of(TEXTS, st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["a", "name", "NO", "1", "true"]), TREES, max_size=3))
def test_any_tree_is_read_back_as_it_was_written(tree: dict[str, object]) -> None:
    assert read_yaml(write_yaml(tree)) == _escaped(tree)


def _escaped(value: object) -> object:
    if isinstance(value, dict):
        return {key: _escaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    return value.replace("${", "$${") if isinstance(value, str) and value != "${stored}" else value
