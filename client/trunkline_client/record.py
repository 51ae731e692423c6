"""The journal record from the producer's side: what `enqueue.lua` is called with, and what of a record may be shown."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypedDict

from trunkline_client import keys
from trunkline_client.errors import FieldError, JobConflict, JobInvalid
from trunkline_client.job import TRACE_FIELD, CheckedJob
from trunkline_client.limits import json_bytes
from trunkline_client.message import RECORD_VERSION
from trunkline_client.words import JobState

#: the scheme of content that is not encrypted; sealed content has another prefix and only workers open it.
CLEAR_CONTENT: Final = "plain:"


@dataclass(frozen=True, slots=True)
class Handle:
    """A job that Redis has confirmed.

    Attributes:
        state: its state at that moment.
        created: False if the same job had been enqueued under this id before.
    """

    id: str
    state: JobState
    created: bool


class AttemptStatus(TypedDict):
    """One attempt as `status` shows it; `number` is what it was sent from, `outcome` None while it is open."""

    sender: str
    provider: str
    number: str | None
    outcome: str | None
    fault: str | None
    code: str | None


class Status(TypedDict):
    """What is known about a job; nothing in it is private. `account` is what was charged."""

    id: str
    state: str
    rule: str | None
    fault: str | None
    attempts: list[AttemptStatus]
    sender: str | None
    provider: str | None
    account: str | None
    provider_id: str | None
    maybe_twice: bool
    maybe_sent: bool


def digest(job: CheckedJob) -> str:
    """Return what tells the same job from another under one id: SHA-256, hex, over everything but id and trace."""
    parts = [
        job.tenant,
        job.channel.value,
        job.lane.value,
        job.content,
        {name: value for name, value in job.options.items() if name != TRACE_FIELD},
        job.send_at_ms,
        job.expires_at_ms,
        job.ttl_ms,
    ]
    return hashlib.sha256(json_bytes(parts)).hexdigest()


class Follows(StrEnum):
    """Whether a job is one of several of a tenant and lane, which its last brings into the lane together."""

    NONE = ""
    MORE = "more"
    LAST = "last"


def enqueue_call(job: CheckedJob, follows: Follows = Follows.NONE) -> tuple[list[str], list[str]]:
    """Return KEYS and ARGV of `enqueue.lua`."""
    arguments: list[str | int] = [
        job.id,
        digest(job),
        job.tenant,
        job.channel.value,
        job.lane.value,
        CLEAR_CONTENT + json_bytes(job.content).decode(),
        json_bytes(job.options).decode(),
        _or_empty(job.send_at_ms),
        _or_empty(job.expires_at_ms),
        _or_empty(job.ttl_ms),
        round(job.lane.default_life.total_seconds() * 1000),
        RECORD_VERSION,
        follows.value,
    ]
    return [keys.job(job.id)], [str(argument) for argument in arguments]


def enqueued(job: CheckedJob, answer: Sequence[str]) -> Handle:
    """Return the handle that an answer of `enqueue.lua` means.

    Raises:
        JobConflict: another job has this id.
        JobInvalid: the job's life was over already.
    """
    status, state = answer
    if status == "conflict":
        raise JobConflict(job.id)
    if status == "expired":
        field = "expires_at" if job.expires_at_ms is not None else "send_at"
        raise JobInvalid([FieldError(field, "leaves the job no time: its life is over already")])
    if status == "too_far":
        raise JobInvalid([FieldError("send_at", "is more than 90 days ahead")])
    if status == "too_long":
        raise JobInvalid([FieldError("expires_at", "leaves the job more than 7 days")])
    return Handle(job.id, JobState(state), created=status == "created")


def status_of(job_id: str, raw: Mapping[str, str]) -> Status | None:
    """Return what a record's hash says about its job, or None for the empty hash of an unknown job."""
    if "state" not in raw:
        return None
    return Status(
        id=job_id,
        state=raw["state"],
        rule=raw.get("rule"),
        fault=raw.get("fault"),
        attempts=[_attempt(number, raw) for number in range(1, int(raw.get("attempts") or 0) + 1)],
        sender=raw.get("sender"),
        provider=raw.get("provider"),
        account=raw.get("account"),
        provider_id=raw.get("provider_id"),
        maybe_twice=raw.get("maybe_twice") == "1",
        maybe_sent=raw.get("maybe_sent") == "1",
    )


def _attempt(number: int, raw: Mapping[str, str]) -> AttemptStatus:
    begun: dict[str, Any] = json.loads(raw[f"attempt:{number}"])
    result: dict[str, Any] = json.loads(raw.get(f"result:{number}") or "{}")
    return AttemptStatus(
        sender=begun["sender"],
        provider=begun["provider"],
        number=begun.get("origin"),
        outcome=result.get("outcome"),
        fault=result.get("fault"),
        code=result.get("code"),
    )


def _or_empty(number: int | None) -> str | int:
    return "" if number is None else number
