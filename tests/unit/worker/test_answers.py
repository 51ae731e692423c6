"""Answers as people write them."""

from __future__ import annotations

from contextlib import suppress

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.protocol import FoundNumber, Kind, NumberType
from tests.support.sender_samples import BOTH, SMS, VOICE
from trunkline_client.private import Token
from trunkline_client.words import Channel
from worker.cli import answers
from worker.cli.selection_questions import originator, unfit
from worker.cli.sender_setup import with_token

LOCAL = FoundNumber("+14155550100", NumberType.PHONE_NUMBER, BOTH)
TOLL_FREE = FoundNumber("+18335550199", NumberType.TOLL_FREE, BOTH)
FITTING = (LOCAL, TOLL_FREE)
CHECK = answers.numbers(FITTING, {"88022": "supports sms only"})


@pytest.mark.parametrize(
    ("answer", "chosen"),
    [
        ("+14155550100", [LOCAL]),
        ("14155550100", [LOCAL]),
        ("+1 (415) 555-0100", [LOCAL]),
        ("+1.415.555.0100, +1 833 555 0199", [LOCAL, TOLL_FREE]),
        ("+1 833 555 0199 +1 415 555 0100", [TOLL_FREE, LOCAL]),
        ("+14155550100,,+14155550100", [LOCAL]),
        (" ALL ", [LOCAL, TOLL_FREE]),
        ("none", []),
    ],
)
def test_numbers_are_read_as_people_write_them(answer: str, chosen: list[FoundNumber]) -> None:
    assert CHECK(answer) == chosen


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("+1 212 555 0000", "the account does not have +1 212 555 0000"),
        ("88022, +14155550100", "88022 supports sms only"),
        ("all, +14155550100", "the account does not have all"),
        (",", "must name at least one number, all or none"),
    ],
)
def test_a_number_that_cannot_be_selected_is_named_with_the_reason(answer: str, said: str) -> None:
    with pytest.raises(click.BadParameter, match=said.replace("+", r"\+")):
        CHECK(answer)


@given(st.text())
def test_any_answer_is_a_selection_or_a_problem(answer: str) -> None:
    chosen: list[FoundNumber] = []
    with suppress(click.BadParameter):
        chosen = CHECK(answer)

    assert set(chosen) <= set(FITTING)


@pytest.mark.parametrize(
    ("number_type", "answer", "codes"),
    [
        (NumberType.TOLL_FREE, "us, ca", ["US", "CA"]),
        (NumberType.TOLL_FREE, "US CA;US", ["US", "CA"]),
        (NumberType.SHORT_CODE, "gb", ["GB"]),
    ],
)
def test_countries_are_read_in_any_case(number_type: NumberType, answer: str, codes: list[str]) -> None:
    assert answers.countries(number_type)(answer) == codes


@pytest.mark.parametrize(
    ("number_type", "answer", "said"),
    [
        (NumberType.SHORT_CODE, "US, CA", "exactly one country"),
        (NumberType.TOLL_FREE, "UK", "UK: must be valid two character country codes"),
        (NumberType.TOLL_FREE, " ,", "at least one country"),
    ],
)
def test_countries_that_a_number_cannot_have_are_said(number_type: NumberType, answer: str, said: str) -> None:
    with pytest.raises(click.BadParameter, match=said):
        answers.countries(number_type)(answer)


@pytest.mark.parametrize(
    ("kind", "able", "channels", "problem"),
    [
        (Kind.TWILIO, BOTH, ["sms", "voice"], None),
        (Kind.TWILIO, SMS, ["sms", "voice"], "supports sms only"),
        (Kind.TWILIO, VOICE, ["sms"], "supports voice only"),
        (Kind.TWILIO, frozenset(), ["sms"], "supports neither sms nor voice"),
        (Kind.SYNIVERSE, SMS, ["sms", "voice"], None),
        (Kind.SYNIVERSE, SMS, ["voice"], "supports sms only"),
        (Kind.SYNIVERSE, frozenset(), ["voice"], None),
    ],
)
def test_a_number_is_offered_for_what_it_can_carry(
    kind: Kind, able: frozenset[Channel], channels: list[str], problem: str | None
) -> None:
    assert unfit(FoundNumber("n", NumberType.PHONE_NUMBER, able), kind, channels) == problem


@pytest.mark.parametrize(
    ("able", "expected"),
    [(BOTH, {"id": "n"}), (SMS, {"id": "n", "channels": ["sms"]}), (frozenset(), {"id": "n"})],
)
def test_an_originator_lists_its_channels_where_it_carries_only_some(
    able: frozenset[Channel], expected: dict[str, object]
) -> None:
    assert originator(FoundNumber("n", NumberType.PHONE_NUMBER, able), ["sms", "voice"]) == expected


def test_a_new_credential_goes_where_the_kind_of_sender_has_it() -> None:
    gateway = {"authentication": {"method": "basic", "username": "acme", "password": "${stored}"}}

    assert with_token({"auth_token": "${stored}"}, "auth_token", Token("new")) == {"auth_token": "new"}
    assert with_token(gateway, "authentication.password", Token("new")) == {
        "authentication": {"method": "basic", "username": "acme", "password": "new"}
    }
    assert gateway["authentication"]["password"] == "${stored}"
