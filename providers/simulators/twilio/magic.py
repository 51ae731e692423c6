"""The magic numbers of Twilio's test credentials (`docs/simulators.md`, Test credentials)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

VALID_SENDER: Final = "+15005550006"

SMS_FROM: Final[Mapping[str, int]] = MappingProxyType(
    {"+15005550000": 21606, "+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
)
SMS_TO: Final[Mapping[str, int]] = MappingProxyType(
    {
        "+15005550001": 21211,
        "+15005550002": 21612,
        "+15005550003": 21408,
        "+15005550004": 21610,
        "+15005550009": 21614,
    }
)
CALL_FROM: Final[Mapping[str, int]] = MappingProxyType({"+15005550001": 21212})
CALL_TO: Final[Mapping[str, int]] = MappingProxyType(
    {"+15005550001": 21217, "+15005550002": 21214, "+15005550003": 21215, "+15005550004": 21216}
)


def sms_code(to: str, sender: str) -> int | None:
    """Return the error code of an SMS between these numbers, or None if it is accepted."""
    if sender == VALID_SENDER:
        return SMS_TO.get(to)
    return SMS_FROM.get(sender, 21606)


def call_code(to: str, sender: str) -> int | None:
    """Return the error code of a call between these numbers, or None if it is accepted."""
    if sender == VALID_SENDER:
        return CALL_TO.get(to)
    return CALL_FROM.get(sender, 21210)
