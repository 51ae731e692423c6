"""Where a job goes after this step, as data that `finish.lua` carries out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

from providers.faults import Fault, Outcome
from providers.protocol import AttemptResult
from tasks.attempt_json import result_json
from trunkline_client import keys
from trunkline_client.words import JobState, Lane

#: Record fields to set; False removes one.
Fields = Mapping[str, str | int | bool]

#: How long a provider's message is known to have settled an attempt. A day: an operator may have an outcome looked up
#: again the next morning.
BOUND_KEEP_MS: Final = 86_400_000

#: What a job forgets when it turns to another sender.
_FRESH_SENDER: Final[Fields] = {
    "throttled_ms": False,
    "retries": False,
    "reconciling": False,
    "lookups": False,
    "good_lookups": False,
    "unknown_ms": False,
    "worker_lost": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One move of a claimed job.

    Attributes:
        kind: the move's name in `finish.lua`.
        state: the state the job is in afterwards.
        fields: the record fields it sets or removes.
        extra: its other arguments in `finish.lua`.
        uncalled: senders passed without a call, as pairs of attempt and result JSON.
        attempt: the number of the attempt this ends; 0 when no call was made.
        result: the attempt's result as the journal keeps it, "" without an attempt.
        outcome: the attempt's outcome, None without one.
    """

    kind: str
    state: JobState
    fields: Fields = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    uncalled: tuple[tuple[str, str], ...] = ()
    attempt: int = 0
    result: str = ""
    outcome: Outcome | None = None

    @property
    def fault(self) -> Fault | None:
        """The fault of a job that ends `failed`."""
        fault = self.fields.get("fault")
        return Fault(fault) if isinstance(fault, str) else None

    @property
    def rule(self) -> str | None:
        """The rule of a job that ends `rejected`."""
        rule = self.fields.get("rule")
        return rule if isinstance(rule, str) else None

    def with_fields(self, **more: str | int | bool) -> Move:
        """Return the same move that also sets these record fields."""
        return replace(self, fields={**self.fields, **more})

    def ending(self, attempt: int, result: AttemptResult, ended_ms: int) -> Move:
        """Return the same move as the end of attempt number `attempt` with `result`."""
        extra = {**self.extra, "throttled": True} if is_crowded(result) else self.extra
        return replace(self, attempt=attempt, result=result_json(result, ended_ms), outcome=result.outcome, extra=extra)


def is_crowded(result: AttemptResult) -> bool:
    """Whether the provider has too many requests of the account: not a number's full queue, nor the cap of a day."""
    ruling = result.ruling
    return ruling is not None and ruling.fault is Fault.THROTTLED and ruling.retry and not ruling.another_number


def sent(*, sender: str, provider: str, account: str, provider_id: str, attempt_id: str, keep_content: bool) -> Move:
    """Return the end of a job a provider accepted; it also binds the provider's message to the attempt."""
    return Move(
        kind="sent",
        state=JobState.SENT,
        fields={
            "sender": sender,
            "provider": provider,
            "account": account,
            "provider_id": provider_id,
            "reconciling": False,
        },
        extra={
            "bound_key": keys.provider_message(account, provider_id),
            "bound_keep_ms": BOUND_KEEP_MS,
            "attempt_id": attempt_id,
            "keep_content": keep_content,
        },
    )


def rejected(rule: str) -> Move:
    """Return the end of a job that breaks a rule."""
    return Move(kind="rejected", state=JobState.REJECTED, fields={"rule": rule})


def failed(fault: Fault) -> Move:
    """Return the end of a job whose chain is exhausted or stopped."""
    return Move(kind="failed", state=JobState.FAILED, fields={**_FRESH_SENDER, "fault": fault.value})


def expired() -> Move:
    """Return the end of a job whose life is over."""
    return Move(kind="expired", state=JobState.EXPIRED, fields=_FRESH_SENDER)


def requeue(queue: str, step: int, *, sender: str, fault: Fault, next_sender: str) -> Move:
    """Return the fallback: the job goes to the queue of sender number `step` of its chain.

    Args:
        queue: the queue of that sender.
        step: its index in the chain.
        sender: the sender that could not send, for those who follow the events.
        fault: why it could not.
        next_sender: the sender whose turn it is.
    """
    told = {"sender": sender, "fault": fault.value, "next": next_sender}
    fields = {**_FRESH_SENDER, "step": step}
    return Move(kind="requeue", state=JobState.QUEUED, fields=fields, extra={"queue": queue, "fell_back": told})


def begin_anew(lane: Lane) -> Move:
    """Return a replayed job to its lane, once it is known what became of its earlier lives."""
    fields = {**_FRESH_SENDER, "step": 0}
    return Move(kind="requeue", state=JobState.QUEUED, fields=fields, extra={"queue": keys.dispatch_queue(lane)})


def give_back(queue: str) -> Move:
    """Return a job to the queue it came from, as it was."""
    return Move(kind="requeue", state=JobState.QUEUED, extra={"queue": queue})


def retry_later(delay: timedelta, *, throttled_ms: int, retries: int) -> Move:
    """Return the wait after a provider's "later"; the slot is free meanwhile."""
    return _delay(JobState.QUEUED, delay, {"throttled_ms": throttled_ms, "retries": retries})


def look_up_later(delay: timedelta, fields: Fields) -> Move:
    """Return the wait before the next lookup of an unknown outcome."""
    return _delay(JobState.RECONCILING, delay, fields)


def held() -> Move:
    """Return the parking of a job for an operator."""
    return Move(kind="held", state=JobState.HELD)


def stay() -> Move:
    """Return the claim kept as it is, for another attempt in the same pass."""
    return Move(kind="stay", state=JobState.DISPATCHING)


def same_sender_again() -> Move:
    """Return the claim kept for another attempt at the same sender; what the lookups left is cleared."""
    return Move(kind="stay", state=JobState.DISPATCHING, fields={**_FRESH_SENDER, "state": JobState.DISPATCHING.value})


def unknown_fields(attempt: int, now_ms: int) -> Fields:
    """Return what a job remembers of attempt `attempt`, whose outcome nobody knows since `now_ms`."""
    return {"reconciling": attempt, "lookups": 0, "good_lookups": 0, "unknown_ms": now_ms, "worker_lost": False}


def _delay(state: JobState, delay: timedelta, fields: Fields) -> Move:
    due_in_ms = max(0, round(delay.total_seconds() * 1000))
    return Move(kind="delay", state=state, fields=fields, extra={"state": state.value, "due_in_ms": due_in_ms})
