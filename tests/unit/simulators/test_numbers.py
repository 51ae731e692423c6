from __future__ import annotations

import pytest

from providers.simulators.numbers import country_of, is_phone_number


@pytest.mark.parametrize(
    ("number", "country"),
    [("+12015550123", "US"), ("+14165550123", "CA"), ("+18765550123", "JM"), ("+80012345678", None), ("88022", None)],
)
def test_a_number_belongs_to_the_country_of_its_range(number: str, country: str | None) -> None:
    assert country_of(number) == country


@pytest.mark.parametrize("text", ["", "12015550123", "+0123456789", "+1800FLOWERS", "tel:+12015550123", "+1201"])
def test_what_is_not_e164_is_no_phone_number(text: str) -> None:
    assert not is_phone_number(text)
