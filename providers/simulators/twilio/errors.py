"""Twilio's error codes as the simulator words them: HTTP status and text by code (`docs/simulators.md`, Twilio)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from providers.simulators.wire import JSON_TYPE, Answer, Refusal, as_json

_BAD_REQUEST: Final = 400

_STATUS: Final = {20003: 401, 20005: 403, 20008: 403, 20403: 403, 20404: 404, 20429: 429, 21611: 429, 21701: 404}

MESSAGES: Final[Mapping[int, str]] = MappingProxyType(
    {
        20003: "Authenticate",
        20005: "Account not active",
        20007: "Page size must be between 1 and 1000",
        20008: "Resource not accessible with Test Account Credentials",
        20403: "Forbidden",
        20404: "The requested resource {} was not found",
        20429: "Too many requests",
        21201: "No 'To' number is specified",
        21205: "Url parameter is required.",
        21208: "Invalid Timeout value: {}",
        21210: "The source phone number provided, {}, is not yet verified for your account. "
        "You may only make calls from phone numbers that you've verified or purchased from Twilio.",
        21211: "The 'To' number {} is not a valid phone number.",
        21212: "The 'From' number {} is not a valid phone number, shortcode, or alphanumeric sender ID.",
        21213: "No 'From' number is specified",
        21214: "The phone number {} cannot be reached.",
        21215: "Account not authorized to call {}. Perhaps you need to enable some international permissions: "
        "https://www.twilio.com/console/voice/calls/geo-permissions/low-risk",
        21216: "Account not allowed to call {}.",
        21217: "The phone number {} does not appear to be valid.",
        21219: "The number {} is unverified. Trial accounts may only make calls to verified numbers.",
        21264: "The 'From' number {} is not verified.",
        21265: "The 'To' number {} cannot be a Short Code.",
        21266: "'To' and 'From' number cannot be the same: {}",
        21267: "Alphanumeric Sender ID {} cannot be used as the 'From' number on trial accounts",
        21408: "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {}",
        21481: "Invalid page token",
        21602: "Message body is required.",
        21603: "A 'From' phone number is required.",
        21604: "A 'To' phone number is required.",
        21606: "The From phone number {} is not a valid, SMS-capable inbound phone number or short code "
        "for your account.",
        21608: "The number {} is unverified. Trial accounts cannot send messages to unverified numbers",
        21609: "The 'StatusCallback' URL {} is not a valid URL.",
        21610: "Attempt to send to unsubscribed recipient",
        21611: "SMS queue is full.",
        21612: "The 'To' phone number: {}, is not currently reachable using the 'From' phone number: {} via SMS.",
        21614: "To number: {}, is not a mobile number",
        21617: "The concatenated message body exceeds the 1600 character limit.",
        21624: "The validity period {} is not a number of seconds from 1 to 36000",
        21659: "'From' {} is not a Twilio phone number or Short Code country mismatch",
        21660: "Mismatch between the 'From' number {} and the account",
        21661: "'From' number {} is not SMS-capable",
        21701: "The Messaging Service {} does not exist",
        21703: "The Messaging Service does not have a phone number available to send a message",
        21704: "The Messaging Service contains no phone numbers",
        21705: "The Messaging Service Sid {} is invalid",
        21711: "The 'From' number {} does not belong to the Messaging Service",
        32018: "TwiML is too large: at most 4000 characters",
    }
)


def refused(code: int, *values: str) -> Refusal:
    """Return the refusal of this code, its text filled with `values`."""
    return Refusal(_STATUS.get(code, _BAD_REQUEST), code, MESSAGES[code].format(*values))


def answer_refusal(refusal: Refusal, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Answer:
    """Return the error body Twilio answers: code, message, more_info, status, and for a 401 its detail."""
    body = {
        "code": refusal.code,
        "message": refusal.message,
        "more_info": f"https://www.twilio.com/docs/errors/{refusal.code or refusal.status}",
        "status": refusal.status,
    }
    if refusal.detail is not None:
        body["detail"] = refusal.detail
    return Answer(refusal.status, as_json(body), (JSON_TYPE, *headers))
