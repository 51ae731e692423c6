"""Syniverse's error codes for message requests, and what each means for us (docs/faults.md, Syniverse)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from providers.fault_table import CodeClass, FaultTable, Verdict, first_code, judge, table

_PREFIX: Final = "SCG_ERROR_"

_ROWS: Final[Mapping[CodeClass, Mapping[str, str]]] = {
    CodeClass.AUTH: {
        "401": "the access token is wrong or missing",
        "4010": "the access token may not use this",
        "403": "access with this token is forbidden",
        "4030": "access is forbidden",
        "4046": "the access token has expired",
    },
    CodeClass.ACCOUNT: {
        "402": "not enough credit",
        "4020": "not enough credit",
        "4021": "the quota is used up",
    },
    CodeClass.FROM: {
        "4033": "the sender's start date is in the future",
        "4034": "the sender's end date has passed",
        "4035": "the sender is in the wrong state",
        "4036": "the sender's ownership does not allow this",
        "40012": "no sender address can carry this type of message",
        "40013": "no sender address can carry a verified message",
        "40018": "the sender is not valid",
        "40019": "several senders have this address",
    },
    CodeClass.TO: {
        "40015": "too many recipients",
        "40024": "the recipient is not valid",
    },
    CodeClass.GEO: {"4045": "no sender serves the recipient's country"},
    CodeClass.BODY: {
        "1012": "the message is too large",
        "1023": "a field is too long",
        "4005": "the message is too large",
        "4006": "a field is too long",
        "4009": "too many media URLs",
        "4031": "the attachment was not found",
        "4032": "the attachment is in the wrong state",
        "4037": "the attachment's state forbids this",
        "4220": "the media could not be downloaded",
        "40010": "media URLs and attachments exclude each other",
        "40014": "a message with attachments cannot fall back to SMS",
        "40016": "the sender cannot carry media",
        "40017": "group media needs a long code",
        "40025": "the payload is not valid",
        "40026": "a part of the upload is missing",
        "40027": "the upload's content size is missing",
        "40028": "the upload's content length is missing",
        "40029": "the attachment is too large",
        "40030": "the attachment is not uploaded",
    },
    CodeClass.PARAM: {
        "400": "the request is wrong",
        "404": "the resource does not exist",
        "1020": "the tracking URL is not valid",
        "4001": "a required parameter is missing",
        "4002": "a required parameter has the wrong type",
        "4003": "an optional parameter has the wrong type",
        "4004": "a parameter is not valid",
        "4007": "the tracking URL is not valid",
        "4008": "the message is scheduled too far ahead",
        "4040": "the resource does not exist",
        "4041": "the resource to update does not exist",
        "4043": "the language is not supported",
        "40011": "group messages go to US numbers only",
        "40020": "unknown options",
        "40021": "falling back to SMS needs an SMS sender",
        "40022": "falling back to SMS needs a sender of this type",
    },
    CodeClass.CONFLICT: {
        "1001": "the resource was changed meanwhile",
        "1011": "a unique key is used already",
        "4090": "the access token is being changed",
    },
    CodeClass.POLICY: {"40023": "the delivery window does not allow a message now"},
    CodeClass.SERVER: {
        "5000": "Syniverse failed; whether the message was taken is not known",
        "5001": "Syniverse failed for good; whether the message was taken is not known",
        "5002": "this type of message is not implemented; whether the message was taken is not known",
        "5003": "Syniverse's proxy failed; whether the message was taken is not known",
        "5004": "Syniverse's storage failed; whether the message was taken is not known",
        "5030": "Syniverse is not available; whether the message was taken is not known",
    },
}

SYNIVERSE_FAULTS: Final[FaultTable] = table(_ROWS, {})


def classify(status: int, body: object) -> Verdict:
    """Return what an answer of Syniverse means that is no acceptance; codes come with or without their prefix."""
    code = first_code(body, ("error_code", "code"))
    return judge(SYNIVERSE_FAULTS, status, code.removeprefix(_PREFIX) if code else None)
