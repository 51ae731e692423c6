"""Twilio's error codes for creating messages and calls, and what each means for us (docs/faults.md, Twilio).

Twilio has split codes over the years and advises against relying on single ones, so an unknown code falls back to its
HTTP status.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from providers.fault_table import CodeClass, FaultTable, Verdict, first_code, judge, table
from providers.faults import Fault, Ruling, ruling

_ROWS: Final[Mapping[CodeClass, Mapping[str, str]]] = {
    CodeClass.AUTH: {
        "20003": "the Account SID or auth token is wrong, or the account is suspended or closed",
        "20006": "access denied",
        "20008": "test credentials cannot use this",
        "20403": "no permission; typical of a suspended or closed account",
        "20404": "the account in the request does not exist",
        "70051": "the account or API key is missing, suspended, or lacks the permission",
    },
    CodeClass.ACCOUNT: {
        "10001": "the account, or its parent, is suspended",
        "10002": "not available to trial accounts",
        "20005": "the account is not active",
        "90010": "the account is not active",
    },
    CodeClass.FROM: {
        "21210": "the calling number is not owned by or verified for the account",
        "21212": "the From is not a valid number, short code or sender ID",
        "21213": "the caller is missing",
        "21264": "the From number is not verified",
        "21267": "trial accounts cannot send from an alphanumeric sender ID",
        "21601": "the From number cannot send SMS",
        "21603": "the From is missing",
        "21606": "the From number is not valid, not SMS-capable, or not the account's",
        "21607": "a trial account must send from its sandbox number",
        "21616": "the From matches several numbers",
        "21657": "the sender ID is not valid",
        "21659": "the From is no Twilio number, or a short code of another country",
        "21660": "the From number belongs to another account",
        "21661": "the From number cannot send SMS",
        "21662": "the From number cannot be used in this region",
        "21663": "the From number cannot be used in this region",
        "21668": "the From number cannot be used in this region",
    },
    CodeClass.SERVICE: {
        "21701": "the messaging service does not exist",
        "21702": "the messaging service is not available",
        "21703": "the messaging service has no number that can send this",
        "21704": "the messaging service has no numbers",
        "21705": "the messaging service is not valid",
        "21709": "the messaging service may not use an alphanumeric sender ID",
        "21711": "the From is not in this messaging service",
        "21712": "the From belongs to another messaging service",
    },
    CodeClass.PAIR: {
        "21266": "the To and From are the same number",
        "21612": "the To cannot be reached from this From",
    },
    CodeClass.TO: {
        "21201": "the To is missing",
        "21202": "the To is a premium number",
        "21211": "the To is not a valid number",
        "21214": "the To cannot be reached by voice",
        "21217": "the To is not a valid number for a call",
        "21219": "a trial account can only call verified numbers",
        "21265": "the To is a short code",
        "21268": "the To is a premium or special number",
        "21604": "the To is missing",
        "21608": "a trial account can only message verified numbers",
        "21614": "the To is not a mobile number",
        "21635": "the To is a landline",
    },
    CodeClass.UNSUBSCRIBED: {"21610": "the recipient has opted out of messages from this From"},
    CodeClass.GEO: {
        "21203": "international calls are not enabled for the account",
        "21215": "calls to this region are not enabled for the account",
        "21216": "Twilio blocks calls to this number",
        "21408": "SMS to this region is not enabled for the account",
    },
    CodeClass.CAPACITY: {
        "10004": "too many concurrent calls",
        "20429": "too many concurrent requests",
        "21611": "the queue of this From is full",
        "22005": "the call queue is full",
        "60728": "the hourly limit is reached",
        "63017": "more messages per second than the account may send",
        "63038": "the account's daily limit of messages is reached",
    },
    CodeClass.BODY: {
        "21205": "the URL is not valid",
        "21218": "the application SID is not valid",
        "21602": "the body is missing",
        "21605": "the body is longer than the old limit of 160 characters",
        "21617": "the body is longer than 1,600 characters",
        "21618": "the body cannot be sent",
        "21619": "there is nothing to send",
        "21620": "the media URL is not valid",
        "21621": "the media is too large",
        "21622": "the media type is not supported",
        "21623": "there are too many media files",
        "21654": "the content template is missing",
        "21655": "the content template is not valid",
        "21656": "the content template's variables are not valid",
        "21658": "a parameter is too long",
        "32018": "the TwiML is longer than 4,000 characters",
    },
    CodeClass.PARAM: {
        "20001": "unknown parameters",
        "20007": "the page size is too large",
        "21206": "the digits to send are not valid",
        "21208": "the ring timeout is not valid",
        "21220": "the call is not in a state to change",
        "21234": "the machine detection setting is not valid",
        "21481": "the page token is not valid",
        "21609": "the status callback URL is not valid",
        "21624": "the validity period is not valid",
        "21626": "the status callback event is not valid",
    },
    CodeClass.SERVER: {
        "20500": "Twilio failed; whether the message was created is not known",
        "20503": "Twilio is not available; whether the message was created is not known",
        "20504": "Twilio timed out; whether the message was created is not known",
    },
}

_EXCEPTIONS: Final[Mapping[str, Ruling]] = {
    "21266": ruling(Fault.RECIPIENT),
    "21611": Ruling(Fault.THROTTLED, retry=True, another_number=True),  # one From's queue; another number has its own
    "60728": Ruling(Fault.THROTTLED),  # an hourly cap outlives every budget
    "63038": Ruling(Fault.THROTTLED),  # so does a rolling window of 24 hours
}

TWILIO_FAULTS: Final[FaultTable] = table(_ROWS, _EXCEPTIONS)

#: newer answers follow RFC 9457 and may give the code only as the last part of `type`, the page about it.
_PAGE = re.compile(r"/errors/(\d{4,7})/?$")


def classify(status: int, body: object) -> Verdict:
    """Return what an answer of Twilio means that is no acceptance."""
    return judge(TWILIO_FAULTS, status, _code(body))


def _code(body: object) -> str | None:
    if code := first_code(body, ("code",)):
        return code
    page = _PAGE.search(first_code(body, ("type",)) or "")
    return page.group(1) if page else None
