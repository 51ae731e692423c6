"""Facts about phone numbers that the providers check: country and shape."""

from __future__ import annotations

import functools
import re
from typing import Final

import phonenumbers

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_ALPHANUMERIC: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &+_-]{1,11}", re.ASCII)
_SHORT_CODE: Final = re.compile(r"[0-9]{3,8}", re.ASCII)


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
