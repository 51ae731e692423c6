"""Where a job goes after this step, as data that `finish.lua` carries out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from providers.faults import Fault, Outcome, Ruling
from providers.protocol import AttemptResult
from tasks.record import JobRecord
from trunkline_client import keys
from trunkline_client.words import JobState

Fields = dict[str, str | int | bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One move of a claimed job.

    Attributes:
        kind: the move's name in `finish.lua`.
        details: its arguments there.
        attempt: the number of the attempt this ends; 0 when no call was made.
        result: the attempt's result as the journal keeps it, "" without an attempt.
        outcome: the attempt's outcome, None without one.
        state: the state the job is in afterwards, for the report.
    """

    kind: str
    state: JobState
    details: dict[str, Any] = field(default_factory=dict, repr=False)
    attempt: int = 0
    result: str = ""
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Uncalled:
    """A sender that was passed without a call: it had no eligible number, or may not be used."""

    sender: str
    provider: str
    account: str
    code: str | None


def result_json(result: AttemptResult, ended_ms: int) -> str:
    """Return how the journal keeps the end of an attempt; nothing in it is private."""
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
    return json.dumps({name: value for name, value in kept.items() if value is not None}, separators=(",", ":"))


def attempt_json(
    job_id: str,
    number: int,
    *,
    sender: str,
    provider: str,
    account: str,
    origin: tuple[str, str] | None,
    started_ms: int,
) -> str:
    """Return how the journal keeps an attempt before its call; `origin` is its type and value."""
    kept: dict[str, Any] = {
        "id": f"{job_id}.a{number}",
        "sender": sender,
        "provider": provider,
        "account": account,
        "started_ms": started_ms,
    }
    if origin is not None:
        kept["origin_type"], kept["origin"] = origin
    return json.dumps(kept, separators=(",", ":"))


def chain_json(chain: tuple[str, ...]) -> str:
    """Return how the journal keeps the chain of a job."""
    return json.dumps(chain, separators=(",", ":"))


def uncalled_json(record: JobRecord, passed: list[Uncalled], *, after: int, now_ms: int) -> list[list[str]]:
    """Return the pairs of `finish.lua` for senders passed without a call, numbered after attempt `after`."""
    pairs = []
    for number, one in enumerate(passed, start=after + 1):
        begun = attempt_json(
            record.id,
            number,
            sender=one.sender,
            provider=one.provider,
            account=one.account,
            origin=None,
            started_ms=now_ms,
        )
        refused = {"outcome": Outcome.REFUSED, "fault": Fault.NO_NUMBER, "ended_ms": now_ms}
        if one.code:
            refused["code"] = one.code
        pairs.append([begun, json.dumps(refused, separators=(",", ":"))])
    return pairs


#: A send stopped by the lease check: nothing left us, and the job is somebody else's now.
LEASE_LOST = Ruling(Fault.UNAVAILABLE, retry=True)

#: What a job forgets when it turns to another sender.
_FRESH_SENDER: Fields = {
    "throttled_ms": False,
    "retries": False,
    "reconciling": False,
    "lookups": False,
    "good_lookups": False,
    "unknown_ms": False,
    "worker_lost": False,
}


def sent(*, sender: str, provider: str, account: str, provider_id: str, attempt_id: str, keep_content: bool) -> Move:
    """Return the end of a job a provider accepted; it also binds the provider's message to the attempt."""
    return Move(
        kind="sent",
        state=JobState.SENT,
        details={
            "fields": {
                "sender": sender,
                "provider": provider,
                "account": account,
                "provider_id": provider_id,
                "reconciling": False,
            },
            "bound_key": keys.provider_message(account, provider_id),
            "attempt_id": attempt_id,
            "keep_content": keep_content,
        },
    )


def rejected(rule: str) -> Move:
    """Return the end of a job that breaks a rule before any attempt."""
    return Move(kind="rejected", state=JobState.REJECTED, details={"fields": {"rule": rule}})


def failed(fault: Fault, *, maybe_sent: bool = False) -> Move:
    """Return the end of a job whose chain is exhausted or stopped."""
    fields: Fields = {"fault": fault.value, **_FRESH_SENDER}
    if maybe_sent:
        fields["maybe_sent"] = "1"
    return Move(kind="failed", state=JobState.FAILED, details={"fields": fields})


def expired(*, maybe_sent: bool) -> Move:
    """Return the end of a job whose life ended while its attempt was looked up."""
    fields: Fields = dict(_FRESH_SENDER)
    if maybe_sent:
        fields["maybe_sent"] = "1"
    return Move(kind="expired", state=JobState.EXPIRED, details={"fields": fields})


def requeue(queue: str, step: int, *, maybe_twice: bool) -> Move:
    """Return the fallback: the job goes to the queue of sender number `step` of its chain."""
    fields: Fields = {"step": step, **_FRESH_SENDER}
    if maybe_twice:
        fields["maybe_twice"] = "1"
    return Move(kind="requeue", state=JobState.QUEUED, details={"queue": queue, "fields": fields})


def retry_later(delay: timedelta, *, throttled_ms: int, retries: int) -> Move:
    """Return the wait after a provider's "later"; the slot is free meanwhile."""
    fields: Fields = {"throttled_ms": throttled_ms, "retries": retries}
    return _delay(JobState.QUEUED, delay, fields)


def look_up_later(delay: timedelta, fields: Fields) -> Move:
    """Return the wait before the next lookup of an unknown outcome."""
    return _delay(JobState.RECONCILING, delay, fields)


def held() -> Move:
    """Return the parking of a job for an operator."""
    return Move(kind="held", state=JobState.HELD)


def stay() -> Move:
    """Return the claim kept as it is, for another attempt in the same pass."""
    return Move(kind="stay", state=JobState.DISPATCHING)


def unknown_fields(attempt: int, now_ms: int) -> Fields:
    """Return what a job remembers of attempt `attempt`, whose outcome nobody knows since `now_ms`."""
    return {"reconciling": attempt, "lookups": 0, "good_lookups": 0, "unknown_ms": now_ms, "worker_lost": False}


def ending(move: Move, attempt: int, result: AttemptResult, ended_ms: int) -> Move:
    """Return `move` as the end of attempt number `attempt` with `result`."""
    return replace(move, attempt=attempt, result=result_json(result, ended_ms), outcome=result.outcome)


def same_sender_again(*, maybe_twice: bool) -> Move:
    """Return the claim kept for another attempt at the same sender; what the lookups left is cleared."""
    fields: Fields = {**_FRESH_SENDER, "state": JobState.DISPATCHING.value}
    if maybe_twice:
        fields["maybe_twice"] = "1"
    return Move(kind="stay", state=JobState.DISPATCHING, details={"fields": fields})


def _delay(state: JobState, delay: timedelta, fields: Fields) -> Move:
    due_in_ms = max(0, round(delay.total_seconds() * 1000))
    return Move(kind="delay", state=state, details={"state": state.value, "due_in_ms": due_in_ms, "fields": fields})
