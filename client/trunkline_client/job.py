"""The client's check of a job: required fields, types, sizes and the form of a number; every mistake at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Required, TypedDict

from trunkline_client.errors import FieldError, JobInvalid
from trunkline_client.limits import FIELD_NAME_FORM, FIELDS, ONLY_FOR, REQUIRED, RULES, Rule, body_rule
from trunkline_client.times import read_ms
from trunkline_client.words import Channel, Lane

#: what is private and goes into the record's content; the order is that of the JSON.
CONTENT_FIELDS: Final = ("to", "body", "user", "metadata")
#: the producer's trace; it tells where a job comes from, and is no part of what it is.
TRACE_FIELD: Final = "traceparent"
OPTION_FIELDS: Final = ("sender_id", "locale", "voice", "policy", "on_unknown", "reference", TRACE_FIELD)
_NO_FIELD: Final = "is no field of a job"
_MOST_UNKNOWN_NAMED: Final = 10


class JobFields(TypedDict, total=False):
    """The fields of a job as `send_sms` and `send_voice` take them; None counts as absent.

    `send_at` and `expires_at` are aware datetimes or ISO 8601 text with an offset, `ttl` is in seconds; of `expires_at`
    and `ttl` only one may be given.
    """

    id: str | None
    tenant: Required[str]
    to: Required[str]
    body: Required[str]
    sender_id: str | None
    locale: str | None
    voice: str | None
    policy: str | None
    user: str | None
    priority: str | None
    send_at: datetime | str | None
    expires_at: datetime | str | None
    ttl: float | None
    on_unknown: str | None
    reference: str | None
    metadata: Mapping[str, str] | None
    traceparent: str | None


_CHANNELS: Final = {channel.value: channel for channel in Channel}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedJob:
    """A job within the limits, in the parts that its record keeps apart; its text form shows nothing private.

    Attributes:
        content: recipient, text, user and metadata, as far as given.
        options: the other optional fields, as far as given.
        send_at_ms: ms since 1970; None for at once.
        expires_at_ms: ms since 1970; None if a time to live or the lane's default life counts.
    """

    id: str
    tenant: str
    channel: Channel
    lane: Lane
    content: Mapping[str, Any] = field(repr=False)
    options: Mapping[str, str]
    send_at_ms: int | None
    expires_at_ms: int | None
    ttl_ms: int | None


def check(job: Mapping[str, Any], job_id: str) -> CheckedJob:
    """Return the job in its checked form; `job_id` is used where the job names none.

    Raises:
        JobInvalid: names every wrong field, without its value.
    """
    if not isinstance(job, Mapping):
        raise JobInvalid([FieldError("job", "must be an object of fields")])
    given = {"id": job_id} | {name: value for name, value in job.items() if value is not None or name not in FIELDS}
    found = problems(given)
    if found:
        raise JobInvalid(found)
    ttl_s = given.get("ttl")
    return CheckedJob(
        id=given["id"],
        tenant=given["tenant"],
        channel=Channel(given["channel"]),
        lane=Lane(given.get("priority", Lane.NORMAL)),
        content=_content(given),
        options={name: str(given[name]) for name in OPTION_FIELDS if name in given},
        send_at_ms=read_ms(given.get("send_at")),
        expires_at_ms=read_ms(given.get("expires_at")),
        ttl_ms=None if ttl_s is None else round(ttl_s * 1000),
    )


def problems(given: Mapping[str, Any]) -> list[FieldError]:
    """Return everything wrong with the given fields, at most one problem for each."""
    found = {name: "is required" for name in REQUIRED if name not in given}
    channel = _channel(given)
    for name, value in given.items():
        problem = _problem(name, value, given, channel)
        if problem:
            found[name] = problem
    unknown = [name for name in found if name not in FIELDS]
    named = [FieldError(name, problem) for name, problem in found.items() if name in FIELDS]
    return named + [FieldError(shown_name(name), _NO_FIELD) for name in unknown[:_MOST_UNKNOWN_NAMED]]


def field_problem(name: str, value: object, others: Mapping[str, Any]) -> str | None:
    """Return what is wrong with one given field beside the others, None if nothing is."""
    return _problem(name, value, others, _channel(others))


def _problem(name: str, value: object, others: Mapping[str, Any], channel: Channel | None) -> str | None:
    if name not in FIELDS:
        return _NO_FIELD
    problem = _rule(name, channel).problem(value)
    if problem:
        return problem
    wanted = ONLY_FOR.get(name)
    if wanted and channel and channel is not wanted:
        return f"is for {wanted.value} only; leave it out"
    if name == "ttl" and "expires_at" in others:
        return "cannot be given together with expires_at; leave one out"
    if name == "expires_at":
        return _order_problem(read_ms(others.get("send_at")), read_ms(value))
    return None


def shown_name(name: object) -> str:
    """Return an unknown field's name if it looks like one; a value in its place must not get into an error."""
    return name if isinstance(name, str) and FIELD_NAME_FORM.fullmatch(name) else "(a field)"


def _content(given: Mapping[str, Any]) -> dict[str, Any]:
    content = {name: given[name] for name in CONTENT_FIELDS if name in given}
    return content | {"metadata": dict(content["metadata"])} if "metadata" in content else content


def _rule(name: str, channel: Channel | None) -> Rule:
    """Return the field's rule; for a body of an unknown channel the one with the larger limit."""
    return body_rule(channel or Channel.SMS) if name == "body" else RULES[name]


def _channel(given: Mapping[str, Any]) -> Channel | None:
    channel = given.get("channel")
    return _CHANNELS.get(channel) if isinstance(channel, str) else None


def _order_problem(send_at_ms: int | None, expires_at_ms: int | None) -> str | None:
    if send_at_ms is not None and expires_at_ms is not None and expires_at_ms <= send_at_ms:
        return "must be later than send_at"
    return None
