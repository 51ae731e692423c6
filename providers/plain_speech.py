"""Voice bodies as plain text, for providers that speak what they are given: docs/voice-markup.md, plain text."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from providers.voice_markup import Part, Pause, Repeat, Spelled, Text, VoiceMarkup, tidy


def apart(characters: str) -> str:
    """Return spelled characters with spaces between them."""
    return " ".join(characters)


def plain_speech(markup: VoiceMarkup, spell: Callable[[str], str] = apart) -> str:
    """Return the text to speak: pauses as commas, spelled characters by `spell`, repeats written out."""
    return tidy("".join(_render(markup.parts, spell)))


def _render(parts: Iterable[Part], spell: Callable[[str], str]) -> Iterable[str]:
    for part in parts:
        match part:
            case Text(text):
                yield text
            case Spelled(characters):
                yield f" {spell(characters)} "
            case Pause():
                yield ", "
            case Repeat(times, inner):
                once = "".join(_render(inner, spell))
                yield " ".join([once] * times)
