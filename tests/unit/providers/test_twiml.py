from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.twiml import twiml, twiml_length
from providers.voice_markup import parse

PIECES = [
    "<pause1sec>",
    "<sayCharValue>",
    "</sayCharValue>",
    "<repeatMessage val=2>",
    "</repeatMessage>",
    "<b>",
    "12345",
]
ANY_BODY = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8))).map("".join)
WISHES = st.one_of(st.none(), st.sampled_from(["en-GB", "tr", "Man", "Polly.Amy", "alice"]), st.text(max_size=12))


def document(body: str, locale: str | None = None, voice: str | None = None) -> str:
    return twiml(parse(body), locale, voice).document


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Hello", "<Say>Hello</Say>"),
        ("Your code is 1234.", "<Say>Your code is 1, 2, 3, 4.</Say>"),
        ("A<pause1sec>B", '<Say>A</Say><Pause length="1"/><Say>B</Say>'),
        ("A<pause1sec><pause1sec>B", '<Say>A</Say><Pause length="2"/><Say>B</Say>'),
        ("<sayCharValue>AB1</sayCharValue>", "<Say>A, B, 1</Say>"),
        ("Hi <repeatMessage val=3>code 4815</repeatMessage>", '<Say>Hi</Say><Say loop="3">code 4, 8, 1, 5</Say>'),
        ("<repeatMessage val=1>x</repeatMessage> y", "<Say>x y</Say>"),
        (
            "<repeatMessage val=2>x<pause1sec>y</repeatMessage>",
            '<Say>x</Say><Pause length="1"/><Say>y x</Say><Pause length="1"/><Say>y</Say>',
        ),
        ("</Say><Hangup/>", "<Say>&lt;/Say&gt;&lt;Hangup/&gt;</Say>"),
        ("Q&A \"x\" 'y'", "<Say>Q&amp;A \"x\" 'y'</Say>"),
        ("a\x00b\x1fc\ud800d", "<Say>a b c d</Say>"),
    ],
)
def test_a_body_becomes_these_verbs(body: str, expected: str) -> None:
    assert document(body) == f"<Response>{expected}</Response>"


def test_voice_and_language_are_attributes_of_every_say() -> None:
    say = '<Say voice="woman" language="fr">'
    spoken = twiml(parse("a<pause1sec>b"), "fr_FR", "Woman")
    assert spoken.document == f'<Response>{say}a</Say><Pause length="1"/>{say}b</Say></Response>'
    assert spoken.not_honoured == ()


def test_the_length_counts_the_whole_document() -> None:
    assert twiml_length("a&b", "en-GB", None) == len(document("a&b", "en-GB"))
    assert twiml_length("&" * 800, None, None) > 4000


@given(ANY_BODY, WISHES, WISHES)
def test_the_document_is_well_formed_whatever_the_job_says(body: str, locale: str | None, voice: str | None) -> None:
    root = ET.fromstring(document(body, locale, voice))  # noqa: S314 -- our own document, and that it parses is the point
    assert root.tag == "Response"
    assert {child.tag for child in root} <= {"Say", "Pause"}
    assert all(len(child) == 0 for child in root)


@given(
    st.lists(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs", "Cn"], exclude_characters="<")), min_size=1)
)
def test_no_text_is_lost(texts: list[str]) -> None:
    root = ET.fromstring(document("<pause1sec>".join(texts)))  # noqa: S314
    spoken = "".join(child.text or "" for child in root)
    assert _letters(spoken) == _letters("".join(texts))


def _letters(text: str) -> str:
    """What must survive: everything but whitespace and commas, which rendering adds and moves."""
    return "".join(text.replace(",", " ").split())
