"""A provider's error codes as data, and the one way from an answer to a verdict: the code first, then the status."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from providers.faults import Fault, Outcome, Ruling, ruling


class CodeClass(StrEnum):
    """What a group of codes is about."""

    AUTH = "AUTH"
    ACCOUNT = "ACCOUNT"
    FROM = "FROM"
    SERVICE = "SERVICE"
    PAIR = "PAIR"
    TO = "TO"
    UNSUBSCRIBED = "UNSUBSCRIBED"
    GEO = "GEO"
    CAPACITY = "CAPACITY"
    BODY = "BODY"
    PARAM = "PARAM"
    CONFLICT = "CONFLICT"
    POLICY = "POLICY"
    SERVER = "SERVER"


#: the fault of each class; `SERVER` has none, since after a failure inside the provider the outcome is unknown.
FAULT_OF_CLASS: Final[Mapping[CodeClass, Fault]] = MappingProxyType(
    {
        CodeClass.AUTH: Fault.AUTH,
        CodeClass.ACCOUNT: Fault.ACCOUNT,
        CodeClass.FROM: Fault.NUMBER,
        CodeClass.SERVICE: Fault.NUMBER,
        CodeClass.PAIR: Fault.NUMBER,
        CodeClass.TO: Fault.RECIPIENT,
        CodeClass.UNSUBSCRIBED: Fault.UNSUBSCRIBED,
        CodeClass.GEO: Fault.GEO,
        CodeClass.CAPACITY: Fault.THROTTLED,
        CodeClass.BODY: Fault.BODY,
        CodeClass.PARAM: Fault.PARAMETER,
        CodeClass.CONFLICT: Fault.PARAMETER,
        CodeClass.POLICY: Fault.PARAMETER,
    }
)

_FAULT_OF_STATUS: Final[Mapping[int, Fault]] = MappingProxyType(
    {401: Fault.AUTH, 402: Fault.ACCOUNT, 403: Fault.AUTH, 429: Fault.THROTTLED}
)

#: a code goes to logs and journals, so an answer must not smuggle free text in with it.
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,40}")


@dataclass(frozen=True, slots=True)
class FaultEntry:
    """One code of a provider.

    Attributes:
        ruling: what the refusal allows; None means the outcome is unknown.
        meaning: what it says, in plain words for an operator.
    """

    code: str
    code_class: CodeClass
    ruling: Ruling | None
    meaning: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer that is no acceptance means.

    Attributes:
        outcome: `refused`, or `unknown`.
        ruling: set exactly when refused.
        code: the provider's code, else `http_<status>`.
    """

    outcome: Outcome
    ruling: Ruling | None
    code: str


FaultTable = Mapping[str, FaultEntry]


def table(rows: Mapping[CodeClass, Mapping[str, str]], exceptions: Mapping[str, Ruling]) -> FaultTable:
    """Return the table of `rows` (class -> code -> meaning), in which `exceptions` override the class's ruling."""
    entries: dict[str, FaultEntry] = {}
    for code_class, meanings in rows.items():
        fault = FAULT_OF_CLASS.get(code_class)
        default = None if fault is None else ruling(fault)
        for code, meaning in meanings.items():
            if code in entries:
                raise ValueError(f"code {code} is listed twice")
            entries[code] = FaultEntry(code, code_class, exceptions.get(code, default), meaning)
    return MappingProxyType(entries)


def judge(faults: FaultTable, status: int, code: str | None) -> Verdict:
    """Return what an answer means: any 5xx is unknown, then the table decides, then the status.

    A status that is no error (a redirect, a success without an id) is unknown too: only a clear refusal is one.
    """
    name = code if code and _CODE.fullmatch(code) else f"http_{status}"
    if not HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Verdict(Outcome.UNKNOWN, None, name)
    entry = faults.get(name)
    decided = entry.ruling if entry else ruling(_FAULT_OF_STATUS.get(status, Fault.PARAMETER))
    return Verdict(Outcome.REFUSED if decided else Outcome.UNKNOWN, decided, name)


def first_code(body: object, names: Iterable[str]) -> str | None:
    """Return the first of the fields `names` that holds a code (an integer or a non-empty string), as a string."""
    if not isinstance(body, dict):
        return None
    for name in names:
        value = body.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return None
