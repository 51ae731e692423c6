"""The journal record of one job, decoded: what the flow reads, and nothing it may not see."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from providers.faults import Fault, Outcome
from providers.protocol import Origin, OriginType
from trunkline_client.errors import TrunklineError
from trunkline_client.job import TRACE_FIELD
from trunkline_client.limits import RULES
from trunkline_client.message import SUPPORTED_VERSIONS
from trunkline_client.words import Channel, JobState, Lane

_KNOWN_VERSIONS = frozenset(str(version) for version in SUPPORTED_VERSIONS)


class RecordUnreadable(TrunklineError):
    """A journal record is of a version this worker does not know, or damaged."""


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One attempt as the journal keeps it: what was known before the call, and how it ended.

    Attributes:
        number: the attempt's number within the job, from 1.
        id: our id of the attempt, `{job id}.a{number}`.
        sender: the sender key.
        origin: what it was sent from; None when no call was made.
        started_ms: Redis time before the call, in ms since 1970.
        ended_ms: Redis time after it; None while the attempt is open.
        outcome: None while the attempt is open.
    """

    number: int
    id: str
    sender: str
    provider: str
    account: str
    origin: Origin | None
    started_ms: int
    ended_ms: int | None = None
    outcome: Outcome | None = None
    fault: Fault | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A claimed job. `content` is private and kept out of every text form.

    Attributes:
        chain: the sender keys resolved at the first claim; empty before it.
        step: the index in the chain of the sender whose turn it is.
        first_attempt: the number of the first attempt of this life; a replay begins a new one.
        via: the only sender of this life, by the word of an operator; None for the chain of the tenant's rules.
        reconciling: the number of the attempt whose outcome is unknown, else None.
        due_ms: when it was to be sent, or what it waited for last was due: a retry or a lookup.
        first_due_ms: what `due_ms` was before such a wait, None before the first.
        unknown_ms: when that attempt ended.
        throttled_ms: when this sender first answered "later", else None.
        waited_at: the gate it waited at since its last attempt, None if at none.
        is_past_limits: whether cooldown and quotas admitted it before: they are asked in its first pass only, and not
            after a replay.
    """

    id: str
    tenant: str
    channel: Channel
    lane: Lane
    state: JobState
    queue: str
    content: str = field(repr=False)
    options: Mapping[str, Any]
    fence: str
    step: int
    chain: tuple[str, ...]
    created_ms: int
    due_ms: int
    first_due_ms: int | None
    placed_ms: int
    expires_ms: int
    attempts: tuple[AttemptRecord, ...]
    first_attempt: int
    via: str | None
    reconciling: int | None
    lookups: int
    good_lookups: int
    unknown_ms: int
    worker_lost: bool
    throttled_ms: int | None
    waited_at: str | None
    retries: int
    maybe_twice: bool
    is_past_limits: bool

    @property
    def ready_ms(self) -> int:
        """Since when it could be claimed: it is due, and its last attempt, which may have sent it on, has ended."""
        last = self.attempts[-1].ended_ms if self.attempts else None
        return max(self.due_ms, last or 0)

    @property
    def wanted_ms(self) -> int | None:
        """When it was to be sent: at its enqueue or its `send_at`. None of a replayed job: an operator chose when."""
        return None if self.first_attempt > 1 else self.first_due_ms or self.due_ms

    @property
    def traceparent(self) -> str | None:
        """The trace it was enqueued in, well-formed; None if there is none that can be read."""
        value = self.options.get(TRACE_FIELD)
        return value if isinstance(value, str) and RULES[TRACE_FIELD].problem(value) is None else None

    def attempts_at(self, sender: str) -> tuple[AttemptRecord, ...]:
        """Return this life's attempts over one sender, oldest first."""
        return tuple(a for a in self.attempts if a.sender == sender and a.number >= self.first_attempt)


def decode(job_id: str, raw: Mapping[str, str]) -> JobRecord:
    """Return the record of `job_id` from its Redis hash.

    Raises:
        RecordUnreadable: a field is missing or of an unknown form.
    """
    if raw.get("v") not in _KNOWN_VERSIONS:
        raise RecordUnreadable(
            f"the record of job {job_id} is of a version this worker does not know; update the worker"
        )
    try:
        count = int(raw["attempts"])
        return JobRecord(
            id=job_id,
            tenant=raw["tenant"],
            channel=Channel(raw["channel"]),
            lane=Lane(raw["lane"]),
            state=JobState(raw["state"]),
            queue=raw["queue"],
            content=raw.get("content", ""),
            options=json.loads(raw.get("options") or "{}"),
            fence=raw["fence"],
            step=int(raw["step"]),
            chain=tuple(json.loads(raw.get("chain") or "[]")),
            created_ms=int(raw["created_ms"]),
            due_ms=_number(raw, "due_ms") or int(raw["created_ms"]),
            first_due_ms=_number(raw, "first_due_ms"),
            placed_ms=_number(raw, "placed_ms") or int(raw["created_ms"]),
            expires_ms=int(raw["expires_ms"]),
            attempts=tuple(_attempt(number, raw) for number in range(1, count + 1)),
            first_attempt=_number(raw, "first_attempt") or 1,
            via=raw.get("via"),
            throttled_ms=_number(raw, "throttled_ms"),
            waited_at=raw.get("gate"),
            retries=_number(raw, "retries") or 0,
            maybe_twice=raw.get("maybe_twice") == "1",
            is_past_limits=count > 0 or "counted" in raw or "first_attempt" in raw,
            **_lookups(raw),
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        # Only the kind of damage is told: the values of a record may be private.
        raise RecordUnreadable(f"the record of job {job_id} cannot be read ({type(error).__name__})") from None


def _lookups(raw: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields about an attempt whose outcome is unknown."""
    return {
        "reconciling": _number(raw, "reconciling"),
        "lookups": _number(raw, "lookups") or 0,
        "good_lookups": _number(raw, "good_lookups") or 0,
        "unknown_ms": _number(raw, "unknown_ms") or 0,
        "worker_lost": raw.get("worker_lost") == "1",
    }


def _number(raw: Mapping[str, str], name: str) -> int | None:
    return int(raw[name]) if raw.get(name) else None


def _attempt(number: int, raw: Mapping[str, str]) -> AttemptRecord:
    begun = json.loads(raw[f"attempt:{number}"])
    result = json.loads(raw.get(f"result:{number}") or "{}")
    origin = begun.get("origin")
    return AttemptRecord(
        number=number,
        id=begun["id"],
        sender=begun["sender"],
        provider=begun["provider"],
        account=begun["account"],
        origin=Origin(OriginType(begun["origin_type"]), origin) if origin else None,
        started_ms=int(begun["started_ms"]),
        ended_ms=result.get("ended_ms"),
        outcome=Outcome(result["outcome"]) if "outcome" in result else None,
        fault=Fault(result["fault"]) if result.get("fault") else None,
        code=result.get("code"),
    )
