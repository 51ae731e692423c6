from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from senders.yaml_text import MOST_LEVELS, PARSERS, FileUnreadable, read_yaml

#: the fast parser and the one that is always there; both must read the same.
both_parsers = pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.__name__)


@both_parsers
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("+14155550100", "+14155550100"),
        ("88022", "88022"),
        ("0123456789", "0123456789"),
        ("1e10", "1e10"),
        ("NO", "NO"),
        ("yes", "yes"),
        ("2026-01-01", "2026-01-01"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("", None),
        ('"true"', "true"),
    ],
)
def test_a_plain_value_is_text_but_for_true_false_and_nothing(text: str, value: object, parser: Any) -> None:
    assert read_yaml(f"key: {text}", parser=parser) == {"key": value}


@both_parsers
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "line 4, column 3: the key c is there twice"),
        ("a: [1, 2\nb: 3", "line 2, column 2"),
        ("a: 1\n---\nb: 2", "line 2, column 1: a second document"),
        ("*x : 1", "line 1, column 1: aliases"),
        ("? !!str a\n: 1", "line 1, column 3: tags"),
        ("a: &x 1\nb: *x", "line 2, column 4: aliases"),
        ("true: 1", "line 1, column 1: a key must be text"),
        ("? [a]\n: 1", "a key must be text"),
        ("a: !!python/object:os.system 1", "line 1, column 4: tags"),
        ("a: !!int very-secret", "line 1, column 4: tags"),
        ("a: !!map x", "line 1, column 4: tags"),
        ("a:\n  !!omap [b: 1]", "line 2, column 3: tags"),
        ("a: \x07", "characters that YAML does not allow"),
        ("[" * 5000, "nested too deeply"),
    ],
)
def test_what_cannot_be_read_gets_one_message_that_says_where(text: str, problem: str, parser: Any) -> None:
    with pytest.raises(FileUnreadable) as caught:
        read_yaml(text, parser=parser)

    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


@both_parsers
def test_an_error_shows_no_value_of_the_file(parser: Any) -> None:
    with pytest.raises(FileUnreadable) as caught:
        read_yaml('auth_token: "very-secret\nb: [', parser=parser)

    assert "very-secret" not in f"{caught.value}{caught.value.__cause__}"


def test_the_fast_parser_is_used() -> None:
    assert [parser.__name__ for parser in PARSERS] == ["CSafeLoader", "SafeLoader"]


@both_parsers
def test_values_may_be_nested_up_to_a_bound(parser: Any) -> None:
    content = read_yaml("[" * MOST_LEVELS + "]" * MOST_LEVELS, parser=parser)

    for _ in range(MOST_LEVELS - 1):
        assert isinstance(content, list)
        (content,) = content
    with pytest.raises(FileUnreadable, match=f"line 1, column {MOST_LEVELS + 1}: it is nested too deeply"):
        read_yaml("[" * (MOST_LEVELS + 1) + "]" * (MOST_LEVELS + 1), parser=parser)


VALUES = st.recursive(
    st.none() | st.booleans() | st.text("aN~+0#:-\u00e9\U0001f600 \n\"'", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab <", min_size=1, max_size=3), inner),
    max_leaves=12,
)


@both_parsers
@given(value=VALUES, style=st.sampled_from([None, True, False]))
def test_what_yaml_writes_is_read_back(parser: Any, value: object, style: bool | None) -> None:
    assert read_yaml(yaml.safe_dump(value, default_flow_style=style, allow_unicode=True), parser=parser) == value
