"""A gateway among the senders: chosen, compared, stored, and never another account under the same key."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.fernet import Fernet

from providers.gateway_settings import AuthMethod, Gateway, GatewayAuthentication
from providers.protocol import Account, FoundNumber, NumberType, Origin, OriginType, VerifiedAccount, WrongCredentials
from senders.accounts import account_with
from senders.apply import Plan, plan, verify
from senders.choice import Choice, PassedOverReason
from senders.compose import Composer
from senders.config_file import parse_file
from senders.countries import country_of
from senders.document import decode, encode
from senders.findings import ConfigRefused
from senders.model import Sender, TenantConfig
from senders.secrets import KeyRing
from senders.selection import choose
from tests.support.config_samples import FakeProvider
from tests.support.gateway_files import BASIC, FROM, OAUTH2, PHONE, POST, VOICE_GET, gateway_file
from tests.support.sender_samples import BOTH, SMS, VOICE, gateway, gateway_request, phone, tenant, toll_free
from trunkline_client.private import Recipient, Token
from trunkline_client.words import Channel

RING = KeyRing([Fernet.generate_key().decode()])
US, GB = "+14155552671", "+447400123456"
WITH_FROM = Gateway(GatewayAuthentication(AuthMethod.BEARER), (gateway_request(body="${to}${message}${from}"),))


def pick(sender: Sender, to: str = GB, channel: Channel = Channel.SMS, **asked: Any) -> Choice:
    settings = {"sender_id": None, "country": country_of(to)} | asked
    return choose(sender, channel=channel, to=Recipient(to), **settings)


def test_a_gateway_without_numbers_is_its_own_only_candidate() -> None:
    choice = pick(gateway(), sender_id="Acme")

    assert (choice.origin, choice.candidates) == (Origin(OriginType.GATEWAY, "gateway"), ("gateway",))
    assert [(one.number, one.reason) for one in choice.passed_over] == [
        ("Acme", PassedOverReason.SENDER_ID_NOT_ALLOWED)
    ]


@pytest.mark.parametrize(
    ("sender", "asked", "reason"),
    [
        (gateway(), {"exclude": frozenset({"gateway"})}, PassedOverReason.ALREADY_TRIED),
        (gateway(channels=VOICE), {}, PassedOverReason.CHANNEL),
    ],
)
def test_a_gateway_that_is_not_chosen_has_its_reason(
    sender: Sender, asked: dict[str, Any], reason: PassedOverReason
) -> None:
    choice = pick(sender, **asked)

    assert choice.origin is None
    assert [(one.number, one.reason) for one in choice.passed_over] == [("gateway", reason)]


@pytest.mark.parametrize(
    ("settings", "to", "candidates"),
    [
        (WITH_FROM, GB, ("Acme", "+447400000001")),
        (WITH_FROM, US, ("+18335550199", "+447400000001")),
        (None, GB, ("+447400000001",)),
        (None, US, ("+18335550199", "+447400000001")),
    ],
)
def test_a_gateway_with_numbers_chooses_as_any_and_names_a_sender_only_where_there_is_a_place(
    settings: Gateway | None, to: str, candidates: tuple[str, ...]
) -> None:
    sender = gateway(phone("+447400000001"), toll_free("+18335550199", "US"))
    sender = replace(sender, gateway=settings or sender.gateway)

    assert pick(sender, to, sender_id="Acme").candidates == candidates


def test_a_gateway_comes_back_from_its_document_whole() -> None:
    config = tenant(gateway(phone("+447400000001")), version=3)

    assert decode("acme", 3, encode(config)) == config


def test_a_gateways_account_has_its_settings_and_numbers() -> None:
    sender = gateway(phone("+447400000001", capabilities=SMS))

    account = account_with(sender, Token("t"))
    assert account.gateway is sender.gateway
    assert account.numbers == (FoundNumber("+447400000001", NumberType.PHONE_NUMBER, SMS),)


class EchoProvider(FakeProvider):
    """Verifies a gateway as the real provider does: its numbers are those it was given."""

    async def verify(self, account: Account) -> VerifiedAccount:
        return replace(await super().verify(account), numbers=account.numbers)


def planned(current: TenantConfig | None, secret: str = "s1", **fields: Any) -> Plan:
    return plan(parse_file(gateway_file(**fields), {"PASSWORD": secret}), {"acme": current}, RING)


async def applied(**fields: Any) -> TenantConfig:
    found = planned(None, **fields)
    numbers = await verify(found, lambda kind: EchoProvider())
    config = Composer(numbers, RING, datetime(2026, 11, 23, tzinfo=UTC)).config(found.tenants[0].desired, None)
    return replace(config, version=1)


def lines_of(found: Plan) -> list[str]:
    return [str(one) for planned_tenant in found.tenants for one in planned_tenant.differences]


ALL: dict[str, Any] = {"channels": ["sms", "voice"], "requests": [FROM, VOICE_GET], "numbers": [PHONE]}


async def test_the_same_gateway_again_changes_nothing() -> None:
    stored = await applied(**ALL)

    assert stored.senders["own"].numbers[0].selected
    assert stored.senders["own"].numbers[0].capabilities == BOTH
    assert planned(decode("acme", 1, encode(stored)), **ALL).is_empty


def test_a_new_gateway_is_shown_field_by_field_without_its_secret() -> None:
    headers = POST["headers"] | {"x-key": "another-secret"}
    lines = lines_of(planned(None, "first-secret", requests=[FROM | {"headers": headers}], numbers=[PHONE]))

    assert "+ senders.own.authentication: basic username=acme" in lines
    assert "+ senders.own.requests[sms]: POST https://gw.example/sms" in lines
    assert f"+ senders.own.requests[sms].body: {FROM['body']}" in lines
    assert "+ senders.own.requests[sms].headers.content-type: application/json" in lines
    assert "+ senders.own.numbers[+14155550100]: selected as phone_number over sms, voice" in lines
    assert "secret" not in "".join(lines).replace("x-key", "")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"requests": [POST | {"url": "https://other.example/"}]}, "requests[sms]"),
        ({"requests": [POST | {"headers": {"content-type": "application/json", "x-a": "1"}}]}, "headers.x-a"),
        ({"requests": [POST | {"number_format": "number_only"}]}, "number_format"),
        ({"requests": [POST | {"channel": "voice", "before_tag": "<d>"}], "channels": ["voice"]}, ".before_tag: <d>"),
        ({"requests": [POST | {"channel": "voice", "after_tag": "</d>"}], "channels": ["voice"]}, ".after_tag: </d>"),
        ({"numbers": [PHONE]}, "numbers[+14155550100]"),
    ],
)
async def test_a_changed_request_or_number_is_shown_and_verified_again(fields: dict[str, Any], field: str) -> None:
    found = planned(await applied(), **fields)

    assert field in "".join(lines_of(found))
    assert len(found.tenants[0].to_verify) == 1


async def test_a_header_that_changes_shows_that_it_does_and_not_what_it_says() -> None:
    first, second = ({"headers": POST["headers"] | {"x-key": value}} for value in ("key-one", "key-two"))
    (line,) = lines_of(planned(await applied(requests=[POST | first]), requests=[POST | second]))

    assert line.startswith("~ senders.own.requests[sms].headers.x-key: set (")
    assert "key-" not in line


@pytest.mark.parametrize(
    ("before", "after", "secret", "field"),
    [
        (BASIC, {"method": "bearer", "token": "s1"}, "s1", "authentication.method"),
        (BASIC, BASIC | {"username": "other"}, "s1", "authentication.username"),
        (BASIC, BASIC, "s2", "authentication.password"),
        (OAUTH2, OAUTH2 | {"client_id": "d"}, "s1", "authentication.client_id"),
        (OAUTH2, OAUTH2 | {"auth_url": "https://evil.example/t"}, "s1", "authentication.auth_url"),
        (OAUTH2, OAUTH2 | {"client_secret": "other"}, "s1", "authentication.client_secret"),
    ],
)
async def test_credentials_of_a_gateway_cannot_change_under_its_key(
    before: dict[str, str], after: dict[str, str], secret: str, field: str
) -> None:
    stored = await applied(authentication=before)

    with pytest.raises(ConfigRefused, match="cannot change under an existing key") as caught:
        planned(stored, secret, authentication=after)
    assert [error.field for error in caught.value.errors] == [f"tenants.acme.senders.own.{field}"]


async def test_a_refused_secret_of_a_gateway_is_named_by_its_field() -> None:
    refusing = FakeProvider(refusal=WrongCredentials("no token"))

    with pytest.raises(ConfigRefused) as caught:
        await verify(planned(None, authentication=OAUTH2), lambda kind: refusing)
    assert caught.value.errors[0].field == "tenants.acme.senders.own.authentication.client_secret"


def test_the_document_of_a_gateway_holds_its_secret_sealed_only() -> None:
    config = tenant(replace(gateway(), sealed_secret=RING.seal("acme", "gateway", {"token": Token("s3cret")})))

    assert "s3cret" not in encode(config)
    assert json.loads(encode(config))["senders"]["gateway"]["gateway"]["authentication"]["username"] == "acme"
