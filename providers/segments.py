"""How many SMS segments a text takes: the unit that numbers are limited in and that providers charge for.

A segment holds 140 octets. A text of the GSM 7-bit alphabet (3GPP TS 23.038, default alphabet and extension table, no
national shift tables) travels in septets: 160 alone, or 153 in each of several, since the header that joins them takes
six octets. Any other text travels in UCS-2, 16 bits a unit: 70, or 67. What takes two units (a character of the
extension table behind its escape, a surrogate pair) is never split between two segments.

Twilio counts the same way, and replaces look-alike characters first only where a messaging service asks for it
(`smart_encoding`, off by default), so a text may take fewer there than is counted here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_ALPHABET: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION: Final = frozenset("\f^{}\\[~]|€")
_GSM: Final = _ALPHABET | _EXTENSION
_LAST_OF_ONE_UNIT: Final = "\uffff"

_SEPTETS_ALONE, _SEPTETS_JOINED = 160, 153
_UNITS_ALONE, _UNITS_JOINED = 70, 67


def segments(text: str) -> int:
    """Return how many segments `text` takes, at least 1; an empty text is sent in one too."""
    if _GSM.issuperset(text):
        return _count(text, [2 if one in _EXTENSION else 1 for one in text], _SEPTETS_ALONE, _SEPTETS_JOINED)
    return _count(text, [2 if one > _LAST_OF_ONE_UNIT else 1 for one in text], _UNITS_ALONE, _UNITS_JOINED)


def _count(text: str, widths: list[int], alone: int, joined: int) -> int:
    """Return the segments of `text`, whose characters take `widths` units, one or two each."""
    units = sum(widths)
    if units <= alone:
        return 1
    return _filled(widths, joined) if units > len(text) else -(-units // joined)


def _filled(widths: Iterable[int], room: int) -> int:
    count, used = 1, 0
    for width in widths:
        if used + width > room:
            count, used = count + 1, 0
        used += width
    return count
