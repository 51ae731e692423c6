from __future__ import annotations

from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.forms import form_body

VALUES = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(st.sampled_from(["To", "From", "Body", "Twiml"]), VALUES))
def test_a_form_is_what_the_library_makes_of_it(fields: dict[str, str]) -> None:
    assert form_body(fields) == urlencode(fields).encode()


def test_every_byte_comes_back() -> None:
    text = "".join(map(chr, range(0x250))) + "€😀"
    assert parse_qs(form_body({"Body": text}).decode(), strict_parsing=True) == {"Body": [text]}


def test_half_of_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(UnicodeEncodeError):
        form_body({"Body": "\ud83d"})
