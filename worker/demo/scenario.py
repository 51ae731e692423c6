"""One case of the demo as data: the job, what goes wrong on its way, and how it must end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from providers.faults import Fault, Outcome
from providers.simulators.faults import FaultPlan
from trunkline_client.record import AttemptStatus
from trunkline_client.words import Channel, JobState


class Way(StrEnum):
    """How a job gets in."""

    CLIENT = "client"
    CLIENT_TWICE = "client_twice"
    CLIENT_THEN_CANCEL = "client_then_cancel"
    RAW_MESSAGE = "raw_message"


@dataclass(frozen=True, slots=True)
class OptOut:
    """The job's recipient has said STOP to this account."""

    account: str


#: What goes wrong at the provider for this recipient only; a fault plan is narrowed to the recipient when it is armed.
Trouble = FaultPlan | OptOut


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """How a job must end.

    Attributes:
        route: every attempt in order, as `leg` writes them.
        number: what the accepted attempt left from; None if none was accepted.
        answer_lost: the provider took the message but its answer never arrived, so only a lookup can have found it.
    """

    state: JobState
    route: tuple[str, ...] = ()
    number: str | None = None
    rule: str | None = None
    fault: Fault | None = None
    answer_lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One case.

    Attributes:
        name: words and spaces; the job's id is made of it.
        job: the job without its id; `{code}` in its body becomes a fresh passcode.
        send_in_s: when it is due, in seconds from its enqueue; None for at once.
    """

    name: str
    job: Mapping[str, Any]
    expected: Expected
    troubles: tuple[Trouble, ...] = ()
    way: Way = Way.CLIENT
    send_in_s: float | None = None

    @property
    def job_id(self) -> str:
        """The id its job gets, for example `demo.answer-lost`."""
        return f"demo.{self.name.lower().replace(' ', '-')}"

    @property
    def recipient(self) -> str:
        """Whom the job is for."""
        to: str = self.job["to"]
        return to


def leg(attempt: AttemptStatus) -> str:
    """Return one attempt as a route shows it: its sender, and unless it was accepted how it ended."""
    if attempt["outcome"] == Outcome.ACCEPTED:
        return attempt["sender"]
    return f"{attempt['sender']}: {attempt['fault'] or attempt['outcome'] or 'open'}"


def sms(tenant: str, to: str, **fields: Any) -> dict[str, Any]:
    """Return an SMS job with a passcode."""
    body = f"{{code}} is your {tenant} code, valid for 5 minutes"
    return {"tenant": tenant, "channel": Channel.SMS.value, "to": to, "body": body, **fields}


def call(tenant: str, to: str, **fields: Any) -> dict[str, Any]:
    """Return a voice job that spells a passcode and repeats it."""
    body = (
        f"<repeatMessage val=2>Your {tenant} code is <pause1sec><sayCharValue>{{code}}</sayCharValue></repeatMessage>"
    )
    return {"tenant": tenant, "channel": Channel.VOICE.value, "to": to, "body": body, **fields}


def sent(*route: str, number: str, answer_lost: bool = False) -> Expected:
    """Return the expectation of a job that a provider accepts in the last leg of its route."""
    return Expected(state=JobState.SENT, route=route, number=number, answer_lost=answer_lost)


def failed(fault: Fault, *route: str) -> Expected:
    """Return the expectation of a job that nobody accepts."""
    return Expected(state=JobState.FAILED, route=route, fault=fault)


def rejected(rule: str) -> Expected:
    """Return the expectation of a job that is refused before any provider is asked."""
    return Expected(state=JobState.REJECTED, rule=rule)
