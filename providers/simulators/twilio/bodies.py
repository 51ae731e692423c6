"""Twilio's resources as JSON: every declared field, of the declared type."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final

from providers.segments import segments
from providers.simulators.numbers import country_of
from providers.simulators.world import (
    TwilioAccount,
    TwilioNumber,
    TwilioService,
    TwilioShortCode,
)

API_VERSION: Final = "2010-04-01"
TRIAL_PREFIX: Final = "Sent from your Twilio trial account - "
#: When the simulated accounts, numbers and services were made: long ago, so that no lookup takes them for new.
_FOUNDED: Final = datetime(2020, 1, 1, tzinfo=UTC)
#: A resource's status by its age in seconds: the first row whose age is not reached yet.
_MESSAGE_PROGRESS: Final = ((1.0, "queued"), (2.0, "sending"), (3.0, "sent"))
_CALL_PROGRESS: Final = ((1.0, "queued"), (2.0, "ringing"), (6.0, "in-progress"))


@dataclass(frozen=True, slots=True)
class Message:
    """An accepted SMS; `sender` is None where a messaging service chooses, `body` is as the recipient reads it."""

    sid: str
    account: str
    to: str = field(repr=False)
    sender: str | None
    body: str = field(repr=False)
    service: str | None
    created_at: float
    listed_at: float


@dataclass(frozen=True, slots=True)
class Call:
    """An accepted call."""

    sid: str
    account: str
    to: str = field(repr=False)
    sender: str
    created_at: float
    listed_at: float


def derived_sid(prefix: str, *parts: str) -> str:
    """Return a SID that is the same in every run: the prefix and 32 hex digits derived from `parts`."""
    return prefix + hashlib.sha256("/".join(parts).encode()).hexdigest()[:32]


def message_status(message: Message, now: float) -> str:
    """Return how far a message is, by its age."""
    if message.service is not None and now - message.created_at < _MESSAGE_PROGRESS[0][0]:
        return "accepted"
    return _progress(_MESSAGE_PROGRESS, now - message.created_at, "delivered")


def call_status(call: Call, now: float) -> str:
    """Return how far a call is, by its age."""
    return _progress(_CALL_PROGRESS, now - call.created_at, "completed")


def message_body(message: Message, now: float) -> dict[str, Any]:
    """Return the Message resource."""
    uri = f"/{API_VERSION}/Accounts/{message.account}/Messages/{message.sid}"
    status = message_status(message, now)
    created = _rfc_2822(message.created_at)
    unassigned = status == "accepted"
    return {
        "body": message.body,
        "num_segments": "0" if unassigned else str(segments(message.body)),
        "direction": "outbound-api",
        "from": message.sender,
        "to": message.to,
        "date_created": created,
        "date_updated": created,
        "date_sent": created if status in {"sent", "delivered"} else None,
        "price": None,
        "price_unit": "USD",
        "error_code": None,
        "error_message": None,
        "uri": f"{uri}.json",
        "account_sid": message.account,
        "num_media": "0",
        "status": status,
        "messaging_service_sid": message.service,
        "sid": message.sid,
        "api_version": API_VERSION,
        "subresource_uris": {"media": f"{uri}/Media.json"},
    }


def call_body(call: Call, now: float) -> dict[str, Any]:
    """Return the Call resource."""
    uri = f"/{API_VERSION}/Accounts/{call.account}/Calls/{call.sid}"
    status = call_status(call, now)
    created = _rfc_2822(call.created_at)
    started = created if status in {"in-progress", "completed"} else None
    return {
        "sid": call.sid,
        "date_created": created,
        "date_updated": created,
        "parent_call_sid": None,
        "account_sid": call.account,
        "to": call.to,
        "to_formatted": call.to,
        "from": call.sender,
        "from_formatted": call.sender,
        "phone_number_sid": derived_sid("PN", call.account, call.sender),
        "status": status,
        "start_time": started,
        "end_time": created if status == "completed" else None,
        "duration": "4" if status == "completed" else None,
        "price": None,
        "price_unit": "USD",
        "direction": "outbound-api",
        "answered_by": None,
        "api_version": API_VERSION,
        "forwarded_from": None,
        "group_sid": None,
        "caller_name": None,
        "queue_time": "0",
        "trunk_sid": None,
        "uri": f"{uri}.json",
        "subresource_uris": {"recordings": f"{uri}/Recordings.json"},
    }


def number_body(account: TwilioAccount, number: TwilioNumber) -> dict[str, Any]:
    """Return the IncomingPhoneNumber resource."""
    sid = derived_sid("PN", account.sid, number.number)
    unset = (
        *("address_sid", "identity_sid", "bundle_sid", "trunk_sid", "emergency_address_sid"),
        *("voice_application_sid", "sms_application_sid", "voice_url", "voice_fallback_url"),
        *("sms_url", "sms_fallback_url", "status_callback"),
    )
    methods = ("voice_method", "voice_fallback_method", "sms_method", "sms_fallback_method", "status_callback_method")
    return {
        "sid": sid,
        "account_sid": account.sid,
        "friendly_name": number.number,
        "phone_number": number.number,
        "capabilities": {"voice": number.voice, "sms": number.sms, "mms": number.sms, "fax": False},
        "address_requirements": "none",
        "beta": False,
        "origin": "twilio",
        "status": "in-use",
        "type": number.kind.value,
        "voice_receive_mode": "voice",
        "voice_caller_id_lookup": False,
        "emergency_status": "Inactive",
        "emergency_address_status": "unregistered",
        "api_version": API_VERSION,
        "date_created": _founded_2010(),
        "date_updated": _founded_2010(),
        "uri": f"/{API_VERSION}/Accounts/{account.sid}/IncomingPhoneNumbers/{sid}.json",
        **dict.fromkeys(unset),
        **dict.fromkeys(methods, "POST"),
    }


def short_code_body(account: TwilioAccount, short_code: TwilioShortCode) -> dict[str, Any]:
    """Return the ShortCode resource, which has neither country nor capabilities."""
    sid = derived_sid("SC", account.sid, short_code.code)
    return {
        "sid": sid,
        "account_sid": account.sid,
        "friendly_name": short_code.code,
        "short_code": short_code.code,
        "api_version": API_VERSION,
        "sms_url": None,
        "sms_method": "POST",
        "sms_fallback_url": None,
        "sms_fallback_method": "POST",
        "date_created": _founded_2010(),
        "date_updated": _founded_2010(),
        "uri": f"/{API_VERSION}/Accounts/{account.sid}/SMS/ShortCodes/{sid}.json",
    }


def account_body(account: TwilioAccount) -> dict[str, Any]:
    """Return the Account resource; like the real one it contains the auth token."""
    uri = f"/{API_VERSION}/Accounts/{account.sid}"
    return {
        "sid": account.sid,
        "friendly_name": account.name,
        "status": account.status.value,
        "type": "Trial" if account.type.value == "trial" else "Full",
        "auth_token": account.token,
        "owner_account_sid": account.sid,
        "date_created": _founded_2010(),
        "date_updated": _founded_2010(),
        "uri": f"{uri}.json",
        "subresource_uris": {
            "messages": f"{uri}/Messages.json",
            "calls": f"{uri}/Calls.json",
            "incoming_phone_numbers": f"{uri}/IncomingPhoneNumbers.json",
        },
    }


def service_body(account: TwilioAccount, service: TwilioService, origin: str) -> dict[str, Any]:
    """Return the messaging Service resource."""
    url = f"{origin}/v1/Services/{service.sid}"
    return {
        "sid": service.sid,
        "account_sid": account.sid,
        "friendly_name": service.name,
        "date_created": _founded_v1(),
        "date_updated": _founded_v1(),
        "inbound_request_url": None,
        "inbound_method": "POST",
        "fallback_url": None,
        "fallback_method": "POST",
        "status_callback": None,
        "sticky_sender": True,
        "mms_converter": True,
        "smart_encoding": False,
        "scan_message_content": "inherit",
        "fallback_to_long_code": False,
        "area_code_geomatch": True,
        "synchronous_validation": False,
        "validity_period": 36000,
        "usecase": "undeclared",
        "us_app_to_person_registered": False,
        "use_inbound_webhook_on_number": False,
        "url": url,
        "links": {name.lower(): f"{url}/{name}" for name in ("PhoneNumbers", "ShortCodes", "AlphaSenders")},
    }


def pool_body(account: TwilioAccount, service: TwilioService, member: str, origin: str) -> dict[str, Any]:
    """Return a PhoneNumber, ShortCode or AlphaSender resource of a messaging service."""
    number = next((found for found in account.numbers if found.number == member), None)
    short_code = next((found for found in account.short_codes if found.code == member), None)
    country: str | None = None
    if number is not None:
        own, name, prefix, country = {"phone_number": member}, "PhoneNumbers", "PN", country_of(member)
        able = (("Voice", number.voice), ("SMS", number.sms), ("MMS", number.sms))
        capabilities = [capability for capability, has in able if has]
    elif short_code is not None:
        own, name, prefix, country = {"short_code": member}, "ShortCodes", "SC", short_code.country
        capabilities = ["SMS", "MMS"]
    else:
        own, name, prefix, capabilities = {"alpha_sender": member}, "AlphaSenders", "AI", ["SMS"]
    sid = derived_sid(prefix, account.sid, member)
    return {
        "sid": sid,
        "account_sid": account.sid,
        "service_sid": service.sid,
        "date_created": _founded_v1(),
        "date_updated": _founded_v1(),
        "capabilities": capabilities,
        "url": f"{origin}/v1/Services/{service.sid}/{name}/{sid}",
        **own,
        **({} if prefix == "AI" else {"country_code": country}),
    }


def _progress(rows: tuple[tuple[float, str], ...], age_s: float, end: str) -> str:
    return next((status for until_s, status in rows if age_s < until_s), end)


def _rfc_2822(at: float) -> str:
    return format_datetime(datetime.fromtimestamp(at, tz=UTC))


def _founded_2010() -> str:
    return format_datetime(_FOUNDED)


def _founded_v1() -> str:
    return _FOUNDED.isoformat().replace("+00:00", "Z")
