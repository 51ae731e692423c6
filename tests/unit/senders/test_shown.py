"""What an operator's terminal gets of texts that came from a file."""

from __future__ import annotations

from typing import Any

import pytest

from senders.config_file import parse_file, parse_tree
from senders.differences import Difference
from senders.findings import ConfigRefused, Findings
from senders.shown import shown
from senders.yaml_text import FileUnreadable, read_yaml
from tests.support.config_samples import ACME, ENVIRONMENT
from tests.support.gateway_files import BASIC, gateway_file


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Acme & S\u00f6hne", "Acme & S\u00f6hne"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\u202egro", "\\u202egro"),
        ("half \udcff", "half \\udcff"),
    ],
)
def test_what_a_terminal_would_obey_or_hide_is_written_as_an_escape(text: str, seen: str) -> None:
    assert shown(text) == seen


def test_a_difference_stays_on_one_line() -> None:
    assert str(Difference("body", 'a\n"b"', "\x1bc")) == '~ body: a\\n"b" -> \\x1bc'


def test_an_error_about_a_file_shows_no_control_character() -> None:
    with pytest.raises(ConfigRefused) as refused:
        parse_file('{"tenants": {"\\e[2J": {}}}', {})
    assert "\\x1b[2J: the name must be" in str(refused.value)

    with pytest.raises(FileUnreadable, match=r"the key \\x07 is there twice"):
        read_yaml('{"\\a": 1, "\\a": 2}')


@pytest.mark.parametrize("field", ["name: Acme Twilio", "by: ops@acme.example"])
@pytest.mark.parametrize("value", ["\x1b[2J", "two\nlines", "\u202egro"])
def test_a_name_and_a_consent_hold_printable_characters_only(field: str, value: str) -> None:
    name = field.partition(":")[0]
    with pytest.raises(ConfigRefused, match="must be printable characters, on one line"):
        parse_file(ACME.replace(field, f"{name}: '${{TEXT}}'"), ENVIRONMENT | {"TEXT": value})


@pytest.mark.parametrize("field", ["username", "password"])
def test_a_variable_that_is_not_utf_8_is_named(field: str) -> None:
    text = gateway_file(authentication=BASIC | {field: "${BROKEN}"})
    with pytest.raises(ConfigRefused, match=f"{field}: the environment variable BROKEN is not text in UTF-8"):
        parse_file(text, {"PASSWORD": "p", "BROKEN": "half \udcff"})


@pytest.mark.parametrize("chain", [["${SECRET}"], ["acme-${SECRET}", "acme-${SECRET}"]])
def test_a_chain_that_holds_a_variable_is_not_quoted(chain: list[str]) -> None:
    tree: Any = read_yaml(ACME)
    tree["tenants"]["acme"]["default_chain"] = chain
    filled = Findings().substitute(tree, ENVIRONMENT | {"SECRET": "very-secret"})

    with pytest.raises(ConfigRefused) as refused:
        parse_tree(filled)
    assert "there is no sender of this name; this tenant has: acme-syniverse, acme-twilio" in str(refused.value)
    assert "very-secret" not in str(refused.value)
