from __future__ import annotations

import pytest

from senders.yaml_text import FileUnreadable, read_yaml


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
def test_a_plain_value_is_text_but_for_true_false_and_nothing(text: str, value: object) -> None:
    assert read_yaml(f"key: {text}") == {"key": value}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "line 4, column 3: the key c is there twice"),
        ("a: [1, 2\nb: 3", "line 2, column 2"),
        ("a: 1\n---\nb: 2", "line 2, column 1"),
        ("a: &x 1\nb: *x", "line 2, column 6: aliases"),
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
def test_what_cannot_be_read_gets_one_message_that_says_where(text: str, problem: str) -> None:
    with pytest.raises(FileUnreadable) as caught:
        read_yaml(text)

    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_error_shows_no_value_of_the_file() -> None:
    with pytest.raises(FileUnreadable) as caught:
        read_yaml('auth_token: "very-secret\nb: [')

    assert "very-secret" not in f"{caught.value}{caught.value.__cause__}"
