"""Twilio messages: the form that creates one, and how to recognise it in a list (docs/wire-twilio.md, Messages)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from providers.protocol import LookupRequest, Origin, OriginType, SmsRequest
from providers.twilio_api import Row

RESOURCE: Final = "/Messages"
KEY: Final = "messages"
#: what trial accounts get in front of every body.
TRIAL_PREFIX: Final = "Sent from your Twilio trial account - "
_OUR_DIRECTION: Final = "outbound-api"


def message_form(request: SmsRequest) -> dict[str, str]:
    """Return the form that sends an SMS; no status callback is asked for."""
    return {
        "To": request.to.reveal(),
        _origin_field(request.origin): request.origin.value,
        "Body": request.body.reveal(),
        "ValidityPeriod": str(request.validity_s),
    }


def list_filter(request: LookupRequest) -> dict[str, str]:
    """Return the filters under which the attempt's message or call would be listed.

    A messaging service chooses the number itself, so its messages are asked for by recipient only. There is no filter
    by date: whether it would hide messages that are not sent yet is not documented.
    """
    filters = {"To": request.to.reveal()}
    if request.origin.type is not OriginType.MESSAGING_SERVICE:
        filters["From"] = request.origin.value
    return filters


def is_message_of(row: Row, request: LookupRequest) -> bool:
    """Whether a listed message could be the attempt's: ours by direction, recipient and body."""
    body = row.get("body")
    return (
        is_outbound_to(row, request)
        and isinstance(body, str)
        and request.body.reveal() in {body, body.removeprefix(TRIAL_PREFIX)}
    )


def is_outbound_to(row: Row, request: LookupRequest) -> bool:
    """Whether a listed message or call was created over the API for the recipient."""
    return row.get("direction") == _OUR_DIRECTION and row.get("to") == request.to.reveal()


def created_at(row: Row) -> datetime | None:
    """Return when a message or call was created, None if it cannot be read."""
    created = row.get("date_created")
    if not isinstance(created, str):
        return None
    try:
        moment = parsedate_to_datetime(created)
    except (ValueError, OverflowError):  # a year or an offset of 30 digits overflows
        return None
    # RFC 2822 allows -0000 for UTC; the parser returns that without an offset.
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def reaches_back_to(rows: Iterable[Row], moment: datetime) -> bool:
    """Whether a page, newest first, holds a row older than `moment`, so that later pages need not be read."""
    return any(created is not None and created < moment for created in map(created_at, rows))


def _origin_field(origin: Origin) -> str:
    return "MessagingServiceSid" if origin.type is OriginType.MESSAGING_SERVICE else "From"
