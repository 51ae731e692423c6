"""Whether a Syniverse application may send a message: pure rules, first violation wins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from providers.simulators.numbers import country_of, is_phone_number
from providers.simulators.syniverse.bodies import VOICE_PREFIX
from providers.simulators.syniverse.errors import refused
from providers.simulators.wire import Refusal
from providers.simulators.world import SyniverseAccount, SyniverseSenderId

MAX_RECIPIENTS: Final = 1000
_TEXTS: Final = ("from", "body", "external_id")


def send_refusal(account: SyniverseAccount, fields: Mapping[str, Any], now: float) -> Refusal | None:
    """Return why the application may not send this message request, or None if it may."""
    refusal = _shape_refusal(fields, now) or _recipient_refusal(fields["to"])
    if refusal is not None:
        return refusal
    if account.out_of_credit:
        return refused("4020")
    found = senders_named(account, fields["from"])
    if isinstance(found, Refusal):
        return found
    return next((refusal for to in fields["to"] if (refusal := _reach_refusal(found, to)) is not None), None)


def senders_named(account: SyniverseAccount, originator: str) -> tuple[SyniverseSenderId, ...] | Refusal:
    """Return the sender ids an originator stands for; an empty tuple is a channel that reaches everyone."""
    kind, colon, identifier = originator.partition(":")
    if colon and kind == "channel":
        channel = next((found for found in account.channels if found.id == identifier), None)
        if channel is None:
            return refused("40018")
        return tuple(sender for sender in account.sender_ids if sender.id in channel.sender_ids)
    name = identifier if colon and kind == "sender_id" else originator
    by_id = [sender for sender in account.sender_ids if sender.id == name]
    named = by_id or [sender for sender in account.sender_ids if sender.address == name]
    if len(named) != 1:
        return refused("40019") if named else refused("40018")
    return tuple(named) if named[0].state == "ACTIVE" else refused("4035")


def _shape_refusal(fields: Mapping[str, Any], now: float) -> Refusal | None:
    if missing := [name for name in ("from", "to", "body") if not fields.get(name)]:
        return refused("4001", missing[0])
    if wrong := [name for name in _TEXTS if not isinstance(fields.get(name, ""), str)]:
        return refused("4002", wrong[0])
    to = fields["to"]
    if not isinstance(to, list) or not all(isinstance(recipient, str) for recipient in to):
        return refused("4002", "to")
    expiry = fields.get("expiry_time")
    if expiry is None:
        return None
    # The published definition types it as a string; both forms are taken.
    expiry = int(expiry) if isinstance(expiry, str) and expiry.isascii() and expiry.isdigit() else expiry
    if isinstance(expiry, bool) or not isinstance(expiry, int):
        return refused("4002", "expiry_time")
    # Seconds and milliseconds since the epoch are both in use; which one is meant shows in the size.
    expires_at = expiry / 1000 if expiry > 10**11 else expiry
    return refused("4004", "expiry_time") if expires_at <= now else None


def _recipient_refusal(recipients: list[str]) -> Refusal | None:
    if len(recipients) > MAX_RECIPIENTS:
        return refused("40015")
    valid = all(is_phone_number(recipient.removeprefix(VOICE_PREFIX)) for recipient in recipients)
    return None if valid else refused("40024")


def _reach_refusal(senders: tuple[SyniverseSenderId, ...], to: str) -> Refusal | None:
    if not senders:
        return None
    capability = "VOICE" if to.startswith(VOICE_PREFIX) else "SMS"
    capable = [sender for sender in senders if capability in sender.capabilities]
    if not capable:
        return refused("40012")
    country = country_of(to.removeprefix(VOICE_PREFIX))
    return None if any(sender.country in {None, country} for sender in capable) else refused("4045")
