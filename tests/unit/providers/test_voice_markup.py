from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.voice_markup import Part, Pause, Repeat, Spelled, Text, parse

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


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ("hello", (Text("hello"),)),
        ("a<pause1sec>b", (Text("a"), Pause(), Text("b"))),
        ("a<pause1sec/>b", (Text("a"), Pause(), Text("b"))),
        ("<PAUSE1SEC >a", (Pause(), Text("a"))),
        ("<sayCharValue>A 1b</sayCharValue>", (Spelled("A1b"),)),
        ("<sayCharValue></sayCharValue>a", (Text("a"),)),
        ("<repeatMessage val=3>a</repeatMessage>", (Repeat(3, (Text("a"),)),)),
        ("<repeatMessage val='5'>a</repeatMessage>", (Repeat(5, (Text("a"),)),)),
        ('<RepeatMessage VAL = "1" >a</repeatmessage>', (Repeat(1, (Text("a"),)),)),
        (
            "<repeatMessage val=2><sayCharValue>7</sayCharValue><pause1sec></repeatMessage>",
            (Repeat(2, (Spelled("7"), Pause())),),
        ),
        ("5 < 6 > 4 & <b>x</b>", (Text("5 < 6 > 4 & <b>x</b>"),)),
        ("<pause1second>", (Text("<pause1second>"),)),
    ],
)
def test_a_body_is_parsed_into_its_parts(body: str, parts: tuple[Part, ...]) -> None:
    markup = parse(body)
    assert (markup.parts, markup.problems) == (parts, ())


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ("code 123 ok", (Text("code 123 ok"),)),
        ("code 1234 ok", (Text("code "), Spelled("1234"), Text(" ok"))),
        ("1234567890", (Spelled("1234567890"),)),
        ("12345678901", (Text("12345678901"),)),
        ("a1234b", (Text("a"), Spelled("1234"), Text("b"))),
        ("1234 5678", (Spelled("1234"), Text(" "), Spelled("5678"))),
        ("١٢٣٤", (Text("١٢٣٤"),)),
    ],
)
def test_only_runs_of_four_to_ten_digits_are_spelled_outside_the_tag(body: str, parts: tuple[Part, ...]) -> None:
    assert parse(body).parts == parts


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<repeatMessage>secret</repeatMessage>", "needs val=N"),
        ("<repeatMessage val=0>secret</repeatMessage>", "needs val=N"),
        ("<repeatMessage val=6>secret</repeatMessage>", "from 1 to 5"),
        ("<repeatMessage val=two>secret</repeatMessage>", "needs val=N"),
        ("<repeatMessage val=-1>secret</repeatMessage>", "needs val=N"),
        ("<repeatMessage val=2 loud>secret</repeatMessage>", "needs val=N"),
        ("<repeatMessage val=2>secret", "<repeatMessage> is not closed"),
        ("secret</repeatMessage>", "</repeatMessage> closes nothing"),
        ("<repeatMessage val=2>secret</repeatMessage val=2>", "takes no value"),
        (
            "<repeatMessage val=2><repeatMessage val=2>secret</repeatMessage></repeatMessage>",
            "cannot hold another",
        ),
        ("<sayCharValue>secret", "<sayCharValue> is not closed"),
        ("secret</sayCharValue>", "</sayCharValue> closes nothing"),
        ("<sayCharValue x>secret</sayCharValue>", "takes no value"),
        ("<sayCharValue>a<pause1sec>secret</sayCharValue>", "may hold text only"),
        ("<sayCharValue>a<sayCharValue>secret</sayCharValue>", "may hold text only"),
        ("<sayCharValue>a<repeatMessage val=2>secret</sayCharValue></repeatMessage>", "may hold text only"),
        ("secret</pause1sec>", "no closing tag"),
        ("<pause1sec val=2>secret", "takes no value"),
        ("<pause1sec secret", "not closed with >"),
        ("", "nothing to speak"),
        (" <pause1sec> ", "nothing to speak"),
        ("<repeatMessage val=2> <pause1sec></repeatMessage>", "nothing to speak"),
    ],
)
def test_malformed_markup_is_a_problem_that_does_not_show_the_text(body: str, problem: str) -> None:
    problems = [str(found) for found in parse(body).problems]
    assert any(problem in found for found in problems)
    assert all(found.startswith("body: ") and "secret" not in found for found in problems)


def test_every_problem_is_named_once() -> None:
    problems = parse(
        "<repeatMessage val=9>a</repeatMessage><repeatMessage val=8>b</repeatMessage></sayCharValue>"
    ).problems
    assert len(problems) == 2


@given(ANY_BODY)
def test_any_text_can_be_parsed(body: str) -> None:
    parse(body)


@given(st.text(alphabet=st.characters(exclude_characters="<")))
def test_text_without_a_tag_is_kept_whole(body: str) -> None:
    kept = [part.text if isinstance(part, Text) else part.characters for part in parse(body).parts if part != Pause()]  # type: ignore[union-attr]
    assert "".join(kept) == body
