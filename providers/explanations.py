"""Faults and providers' codes in plain words, with the page of the provider that explains a code."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from providers.fault_table import FaultTable
from providers.faults import Fault
from providers.syniverse_faults import SYNIVERSE_FAULTS
from providers.twilio_faults import TWILIO_FAULTS

FAULT_WORDS: Final[Mapping[Fault, str]] = MappingProxyType(
    {
        Fault.AUTH: "the account's credentials are refused",
        Fault.ACCOUNT: "the account is suspended, or has no funds",
        Fault.NUMBER: "the number it was sent from cannot be used",
        Fault.NO_NUMBER: "the sender has no number that fits, or may not be used; no call was made",
        Fault.NO_CHAIN: "no sender is configured for it",
        Fault.RECIPIENT: "the recipient's number cannot be reached",
        Fault.GEO: "the account may not send to the recipient's country",
        Fault.BODY: "the text cannot be sent as it is",
        Fault.PARAMETER: "the request is not one that the provider takes",
        Fault.UNSUBSCRIBED: "the recipient opted out",
        Fault.THROTTLED: "the provider takes no more at the moment",
        Fault.UNAVAILABLE: "nothing reached the provider",
    }
)
_TABLES: Final[Mapping[str, FaultTable]] = MappingProxyType({"twilio": TWILIO_FAULTS, "syniverse": SYNIVERSE_FAULTS})
#: one page for each code.
_TWILIO_PAGE: Final = "https://www.twilio.com/docs/api/errors/{code}"
#: one page for all codes.
_SYNIVERSE_PAGE: Final = (
    "https://sdcsupport.syniverse.com/hc/en-us/articles/360038257473-SCG-Voice-and-Messaging-error-codes"
)


def meaning_of(provider: str, code: str | None) -> str | None:
    """Return what a provider's code says, in our words; None for a code that our tables do not have."""
    entry = _TABLES.get(provider, {}).get(code or "")
    return entry.meaning if entry else None


def page_of(provider: str, code: str | None) -> str | None:
    """Return the address of the provider's page about a code; None if it is our own, or of a gateway."""
    if provider == "twilio" and code and code.isascii() and code.isdigit():
        return _TWILIO_PAGE.format(code=code)
    return _SYNIVERSE_PAGE if provider == "syniverse" and code in SYNIVERSE_FAULTS else None
