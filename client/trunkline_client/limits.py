"""The limits of a job's fields, as rules that the client's check and the worker's contract both apply.

A rule's `problem` says what is wrong with a value and how to mend it, without quoting the value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

from trunkline_client.times import TIME_HINT, read_ms
from trunkline_client.words import Channel, Lane, OnUnknown

#: names of tenants and policies; sender keys have the same form.
TENANT_FORM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
ID_FORM: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
#: E.164; checked before any library parses the number, since those read letters and other scripts' digits too.
NUMBER_FORM: Final = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
SENDER_ID_FORM: Final = re.compile(r"(?=.*[A-Za-z])(?! )[A-Za-z0-9 &+_-]{1,11}(?<! )", re.ASCII)
LOCALE_FORM: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}", re.ASCII)
#: W3C Trace Context: version, trace id, parent id, flags; version ff and ids of zeros are invalid there.
TRACEPARENT_FORM: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII
)
FIELD_NAME_FORM: Final = re.compile(r"[a-z_]{1,32}", re.ASCII)

MOST_BODY: Final = {Channel.SMS: 1600, Channel.VOICE: 1024}
LEAST_TTL_S: Final = 1
MOST_TTL_S: Final = 7 * 86_400
MOST_METADATA_KEYS: Final = 20
MOST_METADATA_BYTES: Final = 4096
#: no job within its fields' limits is longer as JSON in UTF-8; a foreign producer's message may be measured against it.
MOST_JOB_BYTES: Final = 16_384

# Control characters, lone surrogates and the two non-characters that no XML document may hold.
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_UNPRINTABLE_IN_BODY: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# `json.dumps` with options builds an encoder for every call.
_JSON: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_CHARACTERS_PROBLEM: Final = "holds a control character or a broken surrogate; remove it"


@dataclass(frozen=True, slots=True)
class TextRule:
    """A string of a form.

    Attributes:
        most: how many characters it may have.
        form: what the whole of it must match, None for any printable text.
        hint: the sentence for a value that does not fit.
        is_body: whether it is message text: line breaks and tabs are allowed, blank text is not.
    """

    most: int
    hint: str
    form: re.Pattern[str] | None = None
    is_body: bool = False

    def problem(self, value: object) -> str | None:
        """Return what is wrong with `value`, None if nothing is."""
        if not isinstance(value, str):
            return "must be a string"
        if not 1 <= len(value) <= self.most:
            return self.hint
        if (_UNPRINTABLE_IN_BODY if self.is_body else _UNPRINTABLE).search(value):
            return _CHARACTERS_PROBLEM
        if (self.form and not self.form.fullmatch(value)) or not value.strip():
            return self.hint
        return None


@dataclass(frozen=True, slots=True)
class ChoiceRule:
    """One word of a closed list."""

    words: tuple[str, ...]

    def problem(self, value: object) -> str | None:
        """Return what is wrong with `value`, None if nothing is."""
        return None if isinstance(value, str) and value in self.words else f"must be {_listed(self.words)}"


@dataclass(frozen=True, slots=True)
class TimeRule:
    """A moment with its offset from UTC: an aware datetime, or ISO 8601 text."""

    def problem(self, value: object) -> str | None:
        """Return what is wrong with `value`, None if nothing is."""
        return TIME_HINT if read_ms(value) is None else None


@dataclass(frozen=True, slots=True)
class SecondsRule:
    """A number of seconds within bounds."""

    least: int
    most: int

    def problem(self, value: object) -> str | None:
        """Return what is wrong with `value`, None if nothing is."""
        # Comparing also refuses NaN and infinity; `math.isfinite` would fail on an integer too large for a float.
        if isinstance(value, int | float) and not isinstance(value, bool) and self.least <= value <= self.most:
            return None
        return f"must be a number of seconds from {self.least} to {self.most}"


@dataclass(frozen=True, slots=True)
class MetadataRule:
    """A small object of strings."""

    def problem(self, value: object) -> str | None:
        """Return what is wrong with `value`, None if nothing is."""
        if not isinstance(value, Mapping):
            return "must be an object of strings"
        if len(value) > MOST_METADATA_KEYS:
            return f"must have at most {MOST_METADATA_KEYS} keys"
        texts = [text for pair in value.items() for text in pair]
        if not all(isinstance(text, str) for text in texts) or "" in value:
            return "must have non-empty strings as keys and strings as values"
        if any(_UNPRINTABLE_IN_BODY.search(text) for text in texts):
            return _CHARACTERS_PROBLEM
        if len(json_bytes(dict(value))) > MOST_METADATA_BYTES:
            return f"must be at most {MOST_METADATA_BYTES} bytes as JSON"
        return None


Rule = TextRule | ChoiceRule | TimeRule | SecondsRule | MetadataRule


def json_bytes(value: object) -> bytes:
    """Return `value` as the JSON we store and measure: sorted, without spaces, in UTF-8."""
    return _JSON.encode(value).encode()


@cache
def body_rule(channel: Channel) -> TextRule:
    """Return the rule for the text of a message over `channel`."""
    most = MOST_BODY[channel]
    return TextRule(most, f"must be a text of 1 to {most} characters for {channel.value}", is_body=True)


def _printable(most: int) -> TextRule:
    return TextRule(most, f"must be 1 to {most} printable characters")


def _choice(words: type[StrEnum]) -> ChoiceRule:
    return ChoiceRule(tuple(word.value for word in words))


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}"


_NAME_HINT: Final = "must be 1 to 64 of A-Z a-z 0-9 . _ - and begin with a letter or digit"

#: every field of a job but `body`, whose limit depends on the channel.
RULES: Final[Mapping[str, Rule]] = {
    "id": TextRule(64, "must be 1 to 64 of A-Z a-z 0-9 . _ : -", ID_FORM),
    "tenant": TextRule(64, _NAME_HINT, TENANT_FORM),
    "channel": _choice(Channel),
    "to": TextRule(16, "must be a number in E.164: +, then 7 to 15 digits, the first not 0", NUMBER_FORM),
    "sender_id": TextRule(
        11, "must be 1 to 11 of A-Z a-z 0-9 & + _ - and inner spaces, with at least one letter", SENDER_ID_FORM
    ),
    "locale": TextRule(35, "must be a language tag like en or en-GB", LOCALE_FORM),
    "voice": _printable(64),
    "policy": TextRule(64, _NAME_HINT, TENANT_FORM),
    "user": _printable(128),
    "priority": _choice(Lane),
    "send_at": TimeRule(),
    "expires_at": TimeRule(),
    "ttl": SecondsRule(LEAST_TTL_S, MOST_TTL_S),
    "on_unknown": _choice(OnUnknown),
    "reference": _printable(128),
    "metadata": MetadataRule(),
    "traceparent": TextRule(
        55,
        "must be a W3C traceparent: 00-, then 32, 16 and 2 hex digits in lower case with - between",
        TRACEPARENT_FORM,
    ),
}
REQUIRED: Final = ("tenant", "channel", "to", "body")
FIELDS: Final = frozenset(RULES) | {"body"}
#: the fields of one channel only.
ONLY_FOR: Final = {"sender_id": Channel.SMS, "voice": Channel.VOICE}
