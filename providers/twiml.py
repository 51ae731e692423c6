"""Voice bodies as inline TwiML: docs/voice-markup.md, TwiML.

The text is escaped, so nothing a job says can become a verb; characters that XML 1.0 cannot hold become spaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from providers.twilio_voices import Speaker, speaker
from providers.voice_markup import Part, Pause, Repeat, Spelled, Text, VoiceMarkup, parse, tidy

#: Twilio refuses a longer `Twiml` parameter with 32018.
LONGEST_TWIML: Final = 4000

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Twiml:
    """A TwiML document.

    Attributes:
        not_honoured: the wishes that Twilio has no voice for, of "locale" and "voice".
    """

    document: str
    not_honoured: tuple[str, ...]


def twiml(markup: VoiceMarkup, locale: str | None, voice: str | None) -> Twiml:
    """Return the document that speaks `markup`; it is well-formed whatever the text is."""
    chosen = speaker(locale, voice)
    elements = "".join(_element(verb, chosen) for verb in _merged(_verbs(markup.parts)))
    return Twiml(f"<Response>{elements}</Response>", chosen.not_honoured)


def twiml_length(body: str, locale: str | None, voice: str | None) -> int:
    """Return how many characters of TwiML a voice body becomes; the contract refuses more than `LONGEST_TWIML`."""
    return len(twiml(parse(body), locale, voice).document)


@dataclass(frozen=True, slots=True)
class _Say:
    text: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class _Silence:
    seconds: int


_Verb = _Say | _Silence


def _verbs(parts: Iterable[Part]) -> Iterator[_Verb]:
    """Yield what TwiML has verbs for: a repeat without a pause is one `<Say loop>`, any other is written out."""
    for part in parts:
        match part:
            case Text(text):
                yield _Say(text)
            case Spelled(characters):
                yield _Say(f" {', '.join(characters)} ")
            case Pause():
                yield _Silence(1)
            case Repeat(times, inner) if times > 1 and Pause() not in inner:
                yield _Say("".join(verb.text for verb in _verbs(inner) if isinstance(verb, _Say)), times)
            case Repeat(times, inner):
                for _ in range(times):
                    yield from _verbs(inner)
                    yield _Say(" ")


def _merged(verbs: Iterable[_Verb]) -> list[_Verb]:
    merged: list[_Verb] = []
    for verb in verbs:
        match merged[-1:], verb:
            case [_Say(before, 1)], _Say(text, 1):
                merged[-1] = _Say(before + text)
            case [_Silence(before_s)], _Silence(seconds):
                merged[-1] = _Silence(before_s + seconds)
            case _:
                merged.append(verb)
    return merged


def _element(verb: _Verb, chosen: Speaker) -> str:
    if isinstance(verb, _Silence):
        return f'<Pause length="{verb.seconds}"/>'
    text = tidy(_NOT_XML.sub(" ", verb.text))
    if not text:
        return ""
    attributes = {
        "voice": chosen.voice,
        "language": chosen.language,
        "loop": str(verb.times) if verb.times > 1 else None,
    }
    opening = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items() if value)
    return f"<Say{opening}>{escape(text)}</Say>"
