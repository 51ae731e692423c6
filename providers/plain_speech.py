"""Voice bodies as plain text, for providers that speak what they are given: docs/voice-markup.md, plain text."""

from __future__ import annotations

from collections.abc import Iterable

from providers.voice_markup import Part, Pause, Repeat, Spelled, Text, VoiceMarkup, tidy


def plain_speech(markup: VoiceMarkup) -> str:
    """Return the text to speak: pauses as commas, spelled characters apart, repeats written out."""
    return tidy("".join(_render(markup.parts)))


def _render(parts: Iterable[Part]) -> Iterable[str]:
    for part in parts:
        match part:
            case Text(text):
                yield text
            case Spelled(characters):
                yield f" {' '.join(characters)} "
            case Pause():
                yield ", "
            case Repeat(times, inner):
                once = "".join(_render(inner))
                yield " ".join([once] * times)
