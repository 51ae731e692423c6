"""Whether a Twilio account may send an SMS: pure rules, first violation wins."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from providers.simulators.numbers import country_of, is_alphanumeric_sender, is_phone_number, is_short_code
from providers.simulators.twilio import magic
from providers.simulators.twilio.errors import refused
from providers.simulators.wire import Refusal
from providers.simulators.world import AccountType, TwilioAccount, TwilioService

MAX_BODY: Final = 1600
MAX_VALIDITY_S: Final = 36_000
#: Alphanumeric sender IDs do not reach these countries (21612).
NO_ALPHANUMERIC: Final = frozenset({"US", "CA"})
_SERVICE_SID: Final = re.compile(r"MG[0-9a-fA-F]{32}")


def sms_refusal(account: TwilioAccount, fields: Mapping[str, str], owners: Mapping[str, str]) -> Refusal | None:
    """Return why the account may not send this SMS, or None if it may.

    Args:
        account: the sending account.
        fields: the form of the request.
        owners: the Account SID of every number there is.
    """
    refusal = _shape_refusal(fields)
    if refusal is not None:
        return refusal
    if account.type is AccountType.TEST:
        return _magic_refusal(fields)
    return (
        _recipient_refusal(account, fields)
        or _sender_refusal(account, fields, owners)
        or _permission_refusal(account, fields)
    )


def service_of(account: TwilioAccount, sid: str) -> TwilioService | None:
    """Return the account's messaging service of this SID, or None."""
    return next((service for service in account.services if service.sid == sid), None)


def _shape_refusal(fields: Mapping[str, str]) -> Refusal | None:
    if not fields.get("To"):
        return refused(21604)
    if not fields.get("From") and not fields.get("MessagingServiceSid"):
        return refused(21603)
    body = fields.get("Body", "")
    if not body and not fields.get("MediaUrl") and not fields.get("ContentSid"):
        return refused(21602)
    if len(body) > MAX_BODY:
        return refused(21617)
    validity = fields.get("ValidityPeriod")
    if validity is not None and not (validity.isdecimal() and 1 <= int(validity) <= MAX_VALIDITY_S):
        return refused(21624, validity)
    callback = fields.get("StatusCallback")
    if callback is not None and not _is_callback(callback):
        return refused(21609, callback)
    return None


def _is_callback(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and "_" not in (parts.hostname or "")


def _magic_refusal(fields: Mapping[str, str]) -> Refusal | None:
    to, sender = fields["To"], fields.get("From", "")
    code = magic.sms_code(to, sender) or (None if is_phone_number(to) else 21211)
    if code is None:
        return None
    return refused(code, to, sender) if code in {21211, 21408, 21612, 21614} else refused(code, sender)


def _recipient_refusal(account: TwilioAccount, fields: Mapping[str, str]) -> Refusal | None:
    to = fields["To"]
    if is_short_code(to):
        return refused(21265, to)
    if not is_phone_number(to):
        return refused(21211, to)
    if to == fields.get("From"):
        return refused(21266, to)
    if account.type is AccountType.TRIAL and account.verified_recipients is not None:
        return None if to in account.verified_recipients else refused(21608, to)
    return None


def _sender_refusal(account: TwilioAccount, fields: Mapping[str, str], owners: Mapping[str, str]) -> Refusal | None:
    if fields.get("MessagingServiceSid"):
        return _service_refusal(account, fields)
    sender = fields["From"]
    if is_short_code(sender):
        return _short_code_refusal(account, fields["To"], sender)
    if sender.startswith("+"):
        return _number_refusal(account, sender, owners)
    if not is_alphanumeric_sender(sender):
        return refused(21212, sender)
    if account.type is AccountType.TRIAL:
        return refused(21267, sender)
    return refused(21612, fields["To"], sender) if country_of(fields["To"]) in NO_ALPHANUMERIC else None


def _service_refusal(account: TwilioAccount, fields: Mapping[str, str]) -> Refusal | None:
    sid, sender = fields["MessagingServiceSid"], fields.get("From")
    if not _SERVICE_SID.fullmatch(sid):
        return refused(21705, sid)
    service = service_of(account, sid)
    if service is None:
        return refused(21701, sid)
    pool = (*service.numbers, *service.short_codes, *service.alpha_senders)
    if not pool:
        return refused(21704)
    if sender and sender not in pool:
        return refused(21711, sender)
    reaches_alone_by_alpha = not service.numbers and not service.short_codes
    return refused(21703) if reaches_alone_by_alpha and country_of(fields["To"]) in NO_ALPHANUMERIC else None


def _short_code_refusal(account: TwilioAccount, to: str, sender: str) -> Refusal | None:
    owned = next((short_code for short_code in account.short_codes if short_code.code == sender), None)
    if owned is None or owned.country != country_of(to):
        return refused(21606 if account.old_number_codes else 21659, sender)
    return None


def _number_refusal(account: TwilioAccount, sender: str, owners: Mapping[str, str]) -> Refusal | None:
    if not is_phone_number(sender):
        return refused(21212, sender)
    owned = next((number for number in account.numbers if number.number == sender), None)
    if owned is not None and owned.sms:
        return None
    if account.old_number_codes:
        return refused(21606, sender)
    if owned is not None:
        return refused(21661, sender)
    return refused(21660 if sender in owners else 21659, sender)


def _permission_refusal(account: TwilioAccount, fields: Mapping[str, str]) -> Refusal | None:
    to = fields["To"]
    if country_of(to) in account.sms_blocked_countries:
        return refused(21408, to)
    return refused(21610) if to in account.opted_out else None
