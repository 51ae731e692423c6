from __future__ import annotations

import phonenumbers
import pytest

from senders.countries import COUNTRIES, WITHOUT_SENDER_IDS, country_of


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+14155550100", "US"),
        ("+16135550100", "CA"),
        ("+18765550100", "JM"),
        ("+17875550100", "PR"),
        ("+18335550199", "US"),
        ("+447400123456", "GB"),
        ("+447911123456", "GG"),
        ("+77012345678", "KZ"),
        ("+79161234567", "RU"),
        ("+390612345678", "IT"),
    ],
)
def test_the_country_comes_from_the_range_and_not_from_the_dial_code(number: str, country: str) -> None:
    assert country_of(number) == country


@pytest.mark.parametrize(
    "number",
    [
        "+80012345678",
        "+882161234567",
        "+88812345678901",
        "+447700900123",
        "+9991234567",
        "+1800FLOWERS",
        "+14155550100;ext=5",
        "+1\uff14155550100",
        "14155550100",
        "+0155550100",
        "whatsapp:+14155550100",
        "+14155550100\n",
        "",
    ],
)
def test_a_number_of_no_country_or_of_no_form_has_an_unknown_country(number: str) -> None:
    assert country_of(number) is None


def test_a_configuration_may_name_all_249_iso_countries_and_the_three_other_regions_with_numbers() -> None:
    assert len(COUNTRIES) == 249 + 3
    assert {"AC", "TA", "XK"} < COUNTRIES


def test_every_country_a_number_can_have_may_be_named_in_a_configuration() -> None:
    assert phonenumbers.SUPPORTED_REGIONS <= COUNTRIES


@pytest.mark.parametrize("code", ["UK", "us", "001", "ZZ", ""])
def test_a_code_that_is_no_country_may_not_be_named(code: str) -> None:
    assert code not in COUNTRIES


def test_sender_ids_are_not_used_to_the_united_states_and_canada() -> None:
    assert {"US", "CA"} == WITHOUT_SENDER_IDS
