"""The data of a choice: what `senders.selection` decides and why, ready to send with or to explain."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from providers.protocol import Origin


class PassedOverReason(StrEnum):
    """Why a number or originator was not eligible."""

    NOT_SELECTED = "not_selected"
    NOT_AVAILABLE = "not_available"
    NOT_CAPABLE = "not_capable"
    COUNTRY = "country"
    UNKNOWN_COUNTRY = "unknown_country"
    CHANNEL = "channel"
    ALREADY_TRIED = "already_tried"
    SENDER_ID_NOT_ALLOWED = "sender_id_not_allowed"


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A number that was not eligible, and why."""

    number: str
    reason: PassedOverReason


@dataclass(frozen=True, slots=True)
class Choice:
    """What a sender would send from.

    Attributes:
        origin: the chosen originator, None if none is eligible.
        candidates: every eligible originator's value, best first; the first is the chosen one.
        passed_over: the rest, each with its reason.
    """

    origin: Origin | None
    candidates: tuple[str, ...]
    passed_over: tuple[PassedOver, ...]
