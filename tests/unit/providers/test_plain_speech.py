from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.plain_speech import plain_speech
from providers.voice_markup import parse


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Hello", "Hello"),
        ("Your code is 1234.", "Your code is 1 2 3 4."),
        ("A<pause1sec>B", "A, B"),
        ("A <pause1sec><pause1sec> B", "A,, B"),
        ("<sayCharValue>AB1</sayCharValue>", "A B 1"),
        ("Hi. <repeatMessage val=3>Code 4815.</repeatMessage>", "Hi. Code 4 8 1 5. Code 4 8 1 5. Code 4 8 1 5."),
        ("<repeatMessage val=2>x<pause1sec></repeatMessage>y", "x, x, y"),
        ("Q&A <b>x</b>", "Q&A <b>x</b>"),
    ],
)
def test_a_body_becomes_plain_text(body: str, expected: str) -> None:
    assert plain_speech(parse(body)) == expected


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="<"))))
def test_no_text_is_lost(texts: list[str]) -> None:
    spoken = plain_speech(parse("<pause1sec>".join(texts)))
    assert "".join(spoken.replace(",", " ").split()) == "".join("".join(texts).replace(",", " ").split())
