"""The markup of voice bodies, parsed once into a small tree that every provider renders its own way.

`<pause1sec>`, `<sayCharValue>..</sayCharValue>` and `<repeatMessage val=N>..</repeatMessage>`; anything else is text,
angle brackets included. A known tag that is malformed is refused, never spoken. The rules are in docs/voice-markup.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from trunkline_client.errors import FieldError

MOST_REPEATS: Final = 5

_TAG = re.compile(
    r"<\s*(?P<close>/?)\s*(?P<name>pause1sec|sayCharValue|repeatMessage)(?![A-Za-z0-9_-])(?P<rest>[^<>]*)(?P<end>>?)",
    re.IGNORECASE,
)
_VAL = re.compile(r"""\s+val\s*=\s*(["']?)([0-9]{1,3})\1\s*""", re.IGNORECASE)
_SPACES = re.compile(r"\s+")
_SPACE_BEFORE_STOP = re.compile(r" (?=[,.;:!?])")
_SPELLED_RUN = re.compile(r"(?<![0-9])[0-9]{4,10}(?![0-9])")


@dataclass(frozen=True, slots=True)
class Text:
    """Words to speak as they are."""

    text: str


@dataclass(frozen=True, slots=True)
class Spelled:
    """Characters to speak one by one; holds no whitespace."""

    characters: str


@dataclass(frozen=True, slots=True)
class Pause:
    """One second of silence."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """Parts to speak `times` times in all; holds no other `Repeat`."""

    times: int
    parts: tuple[Text | Spelled | Pause, ...]


Simple = Text | Spelled | Pause
Part = Simple | Repeat


@dataclass(frozen=True, slots=True)
class VoiceMarkup:
    """A parsed voice body.

    Attributes:
        parts: what to speak, in order; with problems, as far as it could be read.
        problems: what is wrong with the markup, without any of the text; empty if it can be spoken.
    """

    parts: tuple[Part, ...]
    problems: tuple[FieldError, ...]


def parse(body: str) -> VoiceMarkup:
    """Return the tree of a voice body, and every problem of its markup."""
    return _Parser().parse(body)


def tidy(text: str) -> str:
    """Return rendered text with single spaces, none at its ends and none before a punctuation mark."""
    return _SPACE_BEFORE_STOP.sub("", _SPACES.sub(" ", text)).strip()


class _Parser:
    """Reads a body from left to right; at most one `repeatMessage` and one `sayCharValue` are open at a time."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._repeated: list[Simple] | None = None
        self._times = 1
        self._spelling: str | None = None
        self._problems: list[str] = []

    def parse(self, body: str) -> VoiceMarkup:
        position = 0
        for tag in _TAG.finditer(body):
            self._text(body[position : tag.start()])
            position = tag.end()
            if tag["end"]:
                self._tag(tag["name"].lower(), tag["rest"], closes=bool(tag["close"]))
            else:
                self._problem("a tag is not closed with >")
        self._text(body[position:])
        self._finish()
        return VoiceMarkup(tuple(self._parts), tuple(FieldError("body", problem) for problem in self._problems))

    def _tag(self, name: str, rest: str, *, closes: bool) -> None:
        match name:
            case "pause1sec":
                self._pause(rest, closes=closes)
            case "saycharvalue":
                self._spell(rest, closes=closes)
            case _:
                self._repeat(rest, closes=closes)

    def _text(self, text: str) -> None:
        if self._spelling is not None:
            self._spelling += text
        elif text:
            for part in _split_digits(text):
                self._add(part)

    def _pause(self, rest: str, *, closes: bool) -> None:
        if closes or rest.strip() not in {"", "/"}:
            self._problem("<pause1sec> takes no value and has no closing tag")
        elif self._spelling is not None:
            self._problem("<sayCharValue> may hold text only")
        else:
            self._add(Pause())

    def _spell(self, rest: str, *, closes: bool) -> None:
        if rest.strip():
            self._problem("<sayCharValue> takes no value")
        elif closes and self._spelling is None:
            self._problem("</sayCharValue> closes nothing")
        elif closes:
            self._close_spelling()
        elif self._spelling is not None:
            self._problem("<sayCharValue> may hold text only")
        else:
            self._spelling = ""

    def _repeat(self, rest: str, *, closes: bool) -> None:
        if self._spelling is not None:
            self._problem("<sayCharValue> may hold text only")
        elif closes:
            self._end_repeat(rest)
        elif self._repeated is not None:
            self._problem("<repeatMessage> cannot hold another <repeatMessage>")
        else:
            self._begin_repeat(rest)

    def _begin_repeat(self, rest: str) -> None:
        value = _VAL.fullmatch(rest)
        self._times = int(value[2]) if value else 0
        if not 1 <= self._times <= MOST_REPEATS:
            self._problem(f"<repeatMessage> needs val=N with N from 1 to {MOST_REPEATS}")
            self._times = 1
        self._repeated = []

    def _end_repeat(self, rest: str) -> None:
        if rest.strip():
            self._problem("</repeatMessage> takes no value")
        elif self._repeated is None:
            self._problem("</repeatMessage> closes nothing")
        else:
            repeated, self._repeated = self._repeated, None
            if repeated:
                self._parts.append(Repeat(self._times, tuple(repeated)))

    def _close_spelling(self) -> None:
        characters = "".join((self._spelling or "").split())
        self._spelling = None
        if characters:
            self._add(Spelled(characters))

    def _finish(self) -> None:
        if self._spelling is not None:
            self._problem("<sayCharValue> is not closed")
            self._close_spelling()
        if self._repeated is not None:
            self._problem("<repeatMessage> is not closed")
            self._end_repeat("")
        if not self._problems and not any(_is_spoken(part) for part in self._parts):
            self._problem("there is nothing to speak")

    def _add(self, part: Simple) -> None:
        (self._parts if self._repeated is None else self._repeated).append(part)

    def _problem(self, problem: str) -> None:
        if problem not in self._problems:
            self._problems.append(problem)


def _split_digits(text: str) -> Iterator[Text | Spelled]:
    """Yield the text with its runs of 4 to 10 digits as spelled parts: a code is read digit by digit, a year too."""
    position = 0
    for run in _SPELLED_RUN.finditer(text):
        if run.start() > position:
            yield Text(text[position : run.start()])
        yield Spelled(run[0])
        position = run.end()
    if position < len(text):
        yield Text(text[position:])


def _is_spoken(part: Part) -> bool:
    match part:
        case Text(text):
            return bool(text.strip())
        case Repeat(_, parts):
            return any(_is_spoken(inner) for inner in parts)
        case _:
            return isinstance(part, Spelled)
