"""The rules of senders and their numbers, one test for each; `docs/rules.md` lists them."""

from __future__ import annotations

from typing import Any

import pytest

from providers.protocol import Kind, NumberType
from senders.config_file import parse_file
from senders.desired import DesiredSender, SelectedNumber
from senders.findings import ConfigRefused
from senders.model import Number
from senders.selection import served_countries
from senders.verification import Candidate, verify_all
from senders.yaml_text import read_yaml
from tests.support.config_samples import ACME, ENVIRONMENT, FakeProviders
from tests.support.mutations import as_yaml
from tests.support.sender_samples import ACCOUNT_SID, BOTH, SERVICE_SID, SMS
from trunkline_client.private import Token

COUNTRY = "must be a valid two character country code (ISO 3166-1 alpha-2, upper case)"


def problems(**fields: Any) -> dict[str, str]:
    """Return what is wrong with the sample's Twilio sender when it has these fields, by field."""
    tree: Any = read_yaml(ACME)
    sender = tree["tenants"]["acme"]["senders"]["acme-twilio"]
    for name, value in fields.items():
        sender[name] = value
    try:
        parse_file(as_yaml(tree), ENVIRONMENT)
    except ConfigRefused as refused:
        return {one.field.removeprefix("tenants.acme.senders.acme-twilio."): one.problem for one in refused.errors}
    return {}


async def objections(channels: frozenset[Any], *numbers: SelectedNumber) -> dict[str, str]:
    """Return what an account says against a selection of its numbers."""
    sender = DesiredSender(key="own", kind=Kind.TWILIO, name="Own", channels=channels, numbers=numbers)
    try:
        await verify_all([Candidate("own", sender, Token("t"))], FakeProviders().for_kind)
    except ConfigRefused as refused:
        return {one.field: one.problem for one in refused.errors}
    return {}


BAD_SIDS = ["", "AC", ACCOUNT_SID[:-1], f"{ACCOUNT_SID}0", f"SK{ACCOUNT_SID[2:]}", "AC" + "g" * 32]


@pytest.mark.parametrize("sid", BAD_SIDS)
def test_an_account_sid_is_34_characters_ac_and_32_hexadecimal_digits(sid: str) -> None:
    assert "Twilio account SID must be 34 characters long" in problems(account_sid=sid)["account_sid"]


def test_a_toll_free_number_may_list_several_countries() -> None:
    assert problems(numbers=[{"number": "+18335550199", "countries": ["US", "CA", "GB"]}]) == {}


def test_a_short_code_has_exactly_one_country() -> None:
    assert problems(numbers=[{"number": "88022", "countries": ["CA"]}]) == {}
    two = problems(numbers=[{"number": "88022", "countries": ["US", "CA"]}])
    assert two == {"numbers[0].countries": "a short code serves exactly one country"}


@pytest.mark.parametrize(
    "number", [Number("+18335550199", NumberType.TOLL_FREE, BOTH), Number("88022", NumberType.SHORT_CODE, SMS)]
)
def test_a_toll_free_number_or_short_code_without_countries_serves_the_united_states_only(number: Number) -> None:
    assert served_countries(number) == ("US",)


async def test_an_ordinary_number_has_no_countries() -> None:
    found = await objections(SMS, SelectedNumber("+14155550100", ("US",)))

    assert found == {
        "own.numbers[+14155550100]": "is an ordinary number, which serves every country: remove its countries"
    }


@pytest.mark.parametrize("number", ["+18335550199", "88022"])
def test_an_empty_list_of_countries_is_invalid(number: str) -> None:
    assert problems(numbers=[{"number": number, "countries": []}]) == {"numbers[0].countries": "must not be empty"}


@pytest.mark.parametrize("code", ["us", "USA", "UK", "EU", "1", "", "U S"])
def test_a_country_is_a_code_of_iso_3166_1_alpha_2(code: str) -> None:
    assert problems(numbers=[{"number": "88022", "countries": [code]}]) == {"numbers[0].countries[0]": COUNTRY}


async def test_a_sender_for_both_channels_selects_only_numbers_that_support_both_and_names_the_others() -> None:
    chosen = ("+14155550100", "+14155550101", "+18335550199", "88022")
    found = await objections(BOTH, *map(SelectedNumber, chosen))

    assert list(found) == ["own.numbers[+14155550101]", "own.numbers[88022]"]
    assert all("may only select numbers that support both" in problem for problem in found.values())
    assert await objections(SMS, *map(SelectedNumber, chosen)) == {}


def test_a_number_is_selected_once() -> None:
    assert problems(numbers=[{"number": "88022"}, {"number": "88022"}]) == {
        "numbers": "the number 88022 is there twice"
    }


def test_a_messaging_service_is_exactly_one_and_carries_sms_only() -> None:
    service = {"kind": "twilio_messaging_service", "name": "S", "account_sid": ACCOUNT_SID, "auth_token": "t"}
    for fields, field in (
        ({"messaging_service_sid": SERVICE_SID, "channels": ["sms"]}, None),
        ({"messaging_service_sid": [SERVICE_SID, SERVICE_SID], "channels": ["sms"]}, "messaging_service_sid"),
        ({"messaging_service_sid": "MG1", "channels": ["sms"]}, "messaging_service_sid"),
        ({"messaging_service_sid": SERVICE_SID, "channels": ["sms", "voice"]}, "channels"),
    ):
        text = as_yaml({"tenants": {"acme": {"senders": {"own": service | fields}}}})
        if field is None:
            assert parse_file(text, {})["acme"].senders["own"].messaging_service_sid == SERVICE_SID
            continue
        with pytest.raises(ConfigRefused, match=f"own.{field}: "):
            parse_file(text, {})
