from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.twilio_voices import Speaker, speaker


@pytest.mark.parametrize(
    ("locale", "voice", "expected"),
    [
        (None, None, Speaker(None, None)),
        ("en-GB", None, Speaker("alice", "en-GB")),
        ("en_gb", None, Speaker("alice", "en-GB")),
        ("es", None, Speaker("alice", "es-ES")),
        ("es-AR", None, Speaker("alice", "es-ES", ("locale",))),
        ("tr-TR", None, Speaker("Polly.Filiz", "tr-TR")),
        ("ar", None, Speaker("Polly.Zeina", "arb")),
        ("cmn-CN", None, Speaker("alice", "zh-CN")),
        ("tlh", None, Speaker("alice", "en-US", ("locale",))),
        ("!?", None, Speaker("alice", "en-US", ("locale",))),
        (None, "Man", Speaker("man", None)),
        ("en-US", "Man", Speaker("man", "en")),
        ("en_GB", "Woman", Speaker("woman", "en-gb")),
        ("fr", "woman", Speaker("woman", "fr")),
        ("fr-CA", "Man", Speaker("alice", "fr-CA", ("voice",))),
        ("tlh", "Man", Speaker("man", "en", ("locale",))),
        (None, "Alice", Speaker("alice", None)),
        ("zh-HK", "Alice", Speaker("alice", "zh-HK")),
        ("cy-GB", "Alice", Speaker("Polly.Gwyneth", "cy-GB", ("voice",))),
        (None, "Amazon Polly", Speaker("Polly.Joanna", "en-US")),
        ("hi-IN", "Amazon Polly", Speaker("Polly.Aditi", "hi-IN")),
        ("fi-FI", "Amazon Polly", Speaker("alice", "fi-FI", ("voice",))),
        (None, "Polly.Amy", Speaker("Polly.Amy", "en-GB")),
        ("en-GB", "Polly.Amy", Speaker("Polly.Amy", "en-GB")),
        ("de-DE", "Polly.Amy", Speaker("Polly.Amy", "en-GB", ("locale",))),
        ("de-DE", "Polly.Vicki-Neural", Speaker("Polly.Vicki-Neural", "de-DE")),
        (None, "Google.en-GB-Standard-A", Speaker("Google.en-GB-Standard-A", None)),
        ("??", "Google.en-GB-Standard-A", Speaker("Google.en-GB-Standard-A", None, ("locale",))),
        ("en-GB", "Marvin", Speaker("alice", "en-GB", ("voice",))),
        (None, "Marvin", Speaker(None, None, ("voice",))),
        ("tlh", "Marvin", Speaker("alice", "en-US", ("locale", "voice"))),
    ],
)
def test_a_wish_is_met_or_replaced_and_reported(locale: str | None, voice: str | None, expected: Speaker) -> None:
    assert speaker(locale, voice) == expected


@given(st.none() | st.text(max_size=10), st.none() | st.text(max_size=10))
def test_any_wish_gets_a_speaker(locale: str | None, voice: str | None) -> None:
    assert set(speaker(locale, voice).not_honoured) <= {"locale", "voice"}
