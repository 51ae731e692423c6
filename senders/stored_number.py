"""The numbers of a stored document, read quickly: it may hold ten thousand.

It reads exactly what `senders.document` writes. Whatever differs is left to pydantic, which says what is wrong. Each
number is made by a call of its own, so a thread that reads a document lets others run meanwhile, while pydantic would
hold them up until the whole is read. Equal capabilities and countries become one object: that halves the memory.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from providers.protocol import NumberType
from senders.model import Number
from trunkline_client.words import Channel

_PACE: Final = "segments_per_second"
#: the fields of `Number`; a test compares them.
FIELDS: Final = frozenset({"number", "type", "capabilities", "selected", "available", "countries", _PACE})
_USUAL: Final = FIELDS - {_PACE}  # the document leaves it out where it is not configured
_TYPES: Final = {kind.value: kind for kind in NumberType}
#: how many different lists of countries are kept as one object each.
_COUNTRY_LISTS: Final = 1024


def as_number(content: dict[str, Any]) -> Number | dict[str, Any]:
    """Return a JSON object as the number it describes, or as it is where it describes none."""
    if content.keys() != _USUAL and content.keys() != FIELDS:
        return content
    number, selected, available = content["number"], content["selected"], content["available"]
    if not isinstance(number, str) or type(selected) is not bool or type(available) is not bool:
        return content
    try:
        return Number(
            number,
            _TYPES[content["type"]],
            _capabilities(*_texts(content["capabilities"])),
            selected,
            available,
            None if content["countries"] is None else _countries(*_texts(content["countries"])),
            _pace(content.get(_PACE)),
        )
    except (KeyError, TypeError, ValueError):
        return content


def _pace(value: object) -> float | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise TypeError("no number")
    return None if value is None else float(value)


def _texts(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError("no list of text")
    return value


@lru_cache(maxsize=16)
def _capabilities(*words: str) -> frozenset[Channel]:
    return frozenset(map(Channel, words))


@lru_cache(maxsize=_COUNTRY_LISTS)
def _countries(*codes: str) -> tuple[str, ...]:
    return codes
