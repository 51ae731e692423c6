"""Syniverse's resources as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from providers.segments import segments
from providers.simulators.numbers import country_of
from providers.simulators.world import SyniverseChannel, SyniverseSenderId

VOICE_PREFIX: Final = "voice:"
_TRANSMITTING_UNTIL_S: Final = 1.0
_FOUNDED: Final = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class MessageRequest:
    """An accepted message request.

    Attributes:
        to: recipients as they were given, `voice:` included.
        rejected: whether it turns out REJECTED although it was answered 200.
    """

    id: str
    account: str
    sender: str
    to: tuple[str, ...] = field(repr=False)
    body: str = field(repr=False)
    external_id: str | None
    rejected: bool
    created_at: float
    listed_at: float


def request_state(request: MessageRequest, now: float) -> str:
    """Return the state of a message request, by its age."""
    if request.rejected:
        return "REJECTED"
    return "TRANSMITTING" if now - request.created_at < _TRANSMITTING_UNTIL_S else "COMPLETED"


def request_body(request: MessageRequest, now: float) -> dict[str, Any]:
    """Return the message request resource."""
    state = request_state(request, now)
    sent = len(request.to) if state == "COMPLETED" else 0
    return {
        "id": request.id,
        "from": request.sender,
        "to": list(request.to),
        "body": request.body,
        "external_id": request.external_id,
        "state": state,
        "test_message_flag": False,
        "recipient_count": len(request.to),
        "sent_count": sent,
        "delivered_count": sent,
        "read_count": 0,
        "converted_count": 0,
        "canceled_count": 0,
        "failed_count": len(request.to) if request.rejected else 0,
        "failure_code": "1002" if request.rejected else None,
        "failure_details": "Invalid recipient" if request.rejected else None,
        "created_date": _date(request.created_at),
        "last_updated_date": _date(request.created_at),
    }


def message_bodies(request: MessageRequest, now: float) -> list[dict[str, Any]]:
    """Return the messages of a request, one for each recipient."""
    state = {"REJECTED": "FAILED", "TRANSMITTING": "CREATED"}.get(request_state(request, now), "DELIVERED")
    return [
        {
            "id": f"{request.id}{index}",
            "message_request_id": request.id,
            "external_message_request_id": request.external_id,
            "direction": "MT",
            "type": "VOICE" if recipient.startswith(VOICE_PREFIX) else "SMS",
            "from_address": request.sender,
            "to_address": recipient.removeprefix(VOICE_PREFIX),
            "destination_country": country_of(recipient.removeprefix(VOICE_PREFIX)),
            "state": state,
            "body": request.body,
            "fragment_count": segments(request.body),
            "failure_code": "1002" if request.rejected else None,
            "failure_details": "Invalid recipient" if request.rejected else None,
            "created_date": _date(request.created_at),
            "sent_date": None if state == "CREATED" else _date(request.created_at),
            "delivered_date": _date(request.created_at) if state == "DELIVERED" else None,
        }
        for index, recipient in enumerate(request.to)
    ]


def sender_id_body(sender_id: SyniverseSenderId) -> dict[str, Any]:
    """Return the sender id resource."""
    return {
        "id": sender_id.id,
        "name": sender_id.name,
        "address": sender_id.address,
        "type_id": sender_id.type_id,
        "class_id": sender_id.class_id,
        "country": sender_id.country,
        "capabilities": list(sender_id.capabilities),
        "state": sender_id.state,
        "ownership": "PRIVATE",
        "created_date": _date(_FOUNDED.timestamp()),
    }


def channel_body(channel: SyniverseChannel) -> dict[str, Any]:
    """Return the channel resource."""
    return {
        "id": channel.id,
        "name": channel.name,
        "priority": "MEDIUM",
        "ownership": "PRIVATE",
        "sender_ids": list(channel.sender_ids),
        "created_date": _date(_FOUNDED.timestamp()),
    }


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
