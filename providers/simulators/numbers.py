"""Facts about phone numbers and texts that the providers check: country, shape, segments."""

from __future__ import annotations

import functools
import re
from typing import Final

import phonenumbers

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_ALPHANUMERIC: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &+_-]{1,11}", re.ASCII)
_SHORT_CODE: Final = re.compile(r"[0-9]{3,8}", re.ASCII)
_GSM: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED: Final = frozenset("\f^{}\\[~]|€")


@functools.lru_cache(maxsize=100_000)
def country_of(number: str) -> str | None:
    """Return the ISO 3166-1 alpha-2 country of an E.164 number, or None if it has none."""
    try:
        region = phonenumbers.region_code_for_number(phonenumbers.parse(number, None))
    except phonenumbers.NumberParseException:
        return None
    return region if region and region != "001" else None


@functools.lru_cache(maxsize=100_000)
def is_phone_number(text: str) -> bool:
    """Return whether `text` is E.164 and of a possible length for its country."""
    if not _E164.fullmatch(text):
        return False
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(text, None))
    except phonenumbers.NumberParseException:
        return False


def is_short_code(text: str) -> bool:
    """Return whether `text` has the form of a short code."""
    return _SHORT_CODE.fullmatch(text) is not None


def is_alphanumeric_sender(text: str) -> bool:
    """Return whether `text` has the form of an alphanumeric sender ID."""
    return _ALPHANUMERIC.fullmatch(text) is not None and text == text.strip()


def segments(body: str) -> int:
    """Return how many SMS segments `body` takes.

    One holds 160 GSM-7 septets or 70 UTF-16 units; each of several holds 153 or 67.
    """
    if all(character in _GSM or character in _GSM_EXTENDED for character in body):
        units = sum(2 if character in _GSM_EXTENDED else 1 for character in body)
        alone, joined = 160, 153
    else:
        units = len(body.encode("utf-16-be")) // 2
        alone, joined = 70, 67
    return 1 if units <= alone else -(-units // joined)
