"""Faults and codes in plain words."""

from __future__ import annotations

import pytest

from providers.explanations import FAULT_WORDS, meaning_of, page_of
from providers.faults import Fault


def test_every_fault_has_words() -> None:
    assert FAULT_WORDS.keys() == set(Fault)


@pytest.mark.parametrize(
    ("provider", "code", "page"),
    [
        ("twilio", "21610", "https://www.twilio.com/docs/api/errors/21610"),
        ("twilio", "99999", "https://www.twilio.com/docs/api/errors/99999"),  # newer than our table
        ("twilio", "http_404", None),
        ("twilio", "read_timeout", None),
        ("twilio", None, None),
        ("syniverse", "4045", "https://sdcsupport.syniverse.com/hc/en-us/articles/360038257473-"),
        ("syniverse", "read_timeout", None),
        ("gateway", "400", None),
    ],
)
def test_a_providers_own_code_leads_to_its_page(provider: str, code: str | None, page: str | None) -> None:
    found = page_of(provider, code)
    assert (found or "").startswith(page or "")
    assert (found is None) == (page is None)


def test_a_code_says_what_it_means_at_its_provider_only() -> None:
    assert meaning_of("twilio", "21610") == "the recipient has opted out of messages from this From"
    assert meaning_of("syniverse", "21610") is meaning_of("gateway", "21610") is meaning_of("twilio", None) is None
