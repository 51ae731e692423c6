"""Whether a Twilio account may place a call: pure rules, first violation wins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from providers.simulators.numbers import country_of, is_phone_number, is_short_code
from providers.simulators.twilio import magic
from providers.simulators.twilio.errors import refused
from providers.simulators.wire import Refusal
from providers.simulators.world import AccountType, TwilioAccount

MAX_TWIML: Final = 4000
MAX_RING_S: Final = 600


def call_refusal(account: TwilioAccount, fields: Mapping[str, str]) -> Refusal | None:
    """Return why the account may not place this call, or None if it may."""
    refusal = _shape_refusal(fields)
    if refusal:
        return refusal
    to, sender = fields["To"], fields["From"]
    if account.type is AccountType.TEST:
        code = magic.call_code(to, sender)
        if code is not None:
            return refused(code, sender if code in {21210, 21212} else to)
        return None if is_phone_number(to) else refused(21217, to)
    return _recipient_refusal(account, to) or _sender_refusal(account, sender) or _permission_refusal(account, to)


def _shape_refusal(fields: Mapping[str, str]) -> Refusal | None:
    if not fields.get("To"):
        return refused(21201)
    if not fields.get("From"):
        return refused(21213)
    if not any(fields.get(name) for name in ("Url", "Twiml", "ApplicationSid")):
        return refused(21205)
    if len(fields.get("Twiml", "")) > MAX_TWIML and not fields.get("Url"):
        return refused(32018)
    ring_s = fields.get("Timeout")
    if ring_s is not None and not (ring_s.isdecimal() and 1 <= int(ring_s) <= MAX_RING_S):
        return refused(21208, ring_s)
    return None


def _recipient_refusal(account: TwilioAccount, to: str) -> Refusal | None:
    if not is_phone_number(to):
        return refused(21217, to)
    if account.type is AccountType.TRIAL and account.verified_recipients is not None:
        return None if to in account.verified_recipients else refused(21219, to)
    return None


def _sender_refusal(account: TwilioAccount, sender: str) -> Refusal | None:
    if is_short_code(sender) or not is_phone_number(sender):
        return refused(21212, sender)
    owned = any(number.number == sender and number.voice for number in account.numbers)
    return None if owned else refused(21210, sender)


def _permission_refusal(account: TwilioAccount, to: str) -> Refusal | None:
    return refused(21215, to) if country_of(to) in account.voice_blocked_countries else None
