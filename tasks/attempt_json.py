"""How the journal keeps an attempt: what was known before its call, and how it ended. Nothing in either is private."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from providers.faults import Fault, Outcome
from providers.protocol import AttemptResult, Origin
from senders.model import Sender

#: `json.dumps` with options builds an encoder for every call.
COMPACT: Final = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Uncalled:
    """A sender that was passed without a call: it had no eligible number, or may not be used.

    Attributes:
        code: why it may not be used; None when it had no number.
    """

    sender: str
    provider: str
    account: str
    code: str | None = None

    @classmethod
    def of(cls, sender: Sender, code: str | None = None) -> Uncalled:
        """Return the record of a sender that was passed over."""
        return cls(sender.key, sender.kind.provider, sender.account_name, code)


def attempt_id(job_id: str, number: int) -> str:
    """Return our id of one attempt, unique in the installation."""
    return f"{job_id}.a{number}"


def attempt_json(job_id: str, number: int, sender: Sender, origin: Origin, started_ms: int) -> str:
    """Return how the journal keeps an attempt before its call."""
    begun = _begun(job_id, number, Uncalled.of(sender), started_ms)
    return _dumped({**begun, "origin_type": origin.type.value, "origin": origin.value})


def result_json(result: AttemptResult, ended_ms: int) -> str:
    """Return how the journal keeps the end of an attempt."""
    kept = {
        "outcome": result.outcome,
        "fault": result.fault,
        "code": result.code,
        "http_status": result.http_status,
        "request_id": result.request_id,
        "provider_id": result.provider_id,
        "not_honoured": list(result.not_honoured) or None,
        "ended_ms": ended_ms,
    }
    return _dumped({name: value for name, value in kept.items() if value is not None})


def uncalled_json(job_id: str, number: int, passed: Uncalled, now_ms: int) -> tuple[str, str]:
    """Return a passed-over sender as an attempt and its result."""
    refused: dict[str, Any] = {"outcome": Outcome.REFUSED, "fault": Fault.NO_NUMBER, "ended_ms": now_ms}
    if passed.code:
        refused["code"] = passed.code
    return _dumped(_begun(job_id, number, passed, now_ms)), _dumped(refused)


def _begun(job_id: str, number: int, sender: Uncalled, started_ms: int) -> dict[str, Any]:
    return {
        "id": attempt_id(job_id, number),
        "sender": sender.sender,
        "provider": sender.provider,
        "account": sender.account,
        "started_ms": started_ms,
    }


def _dumped(kept: dict[str, Any]) -> str:
    return COMPACT.encode(kept)
