"""What both clients share: every operation as script calls, and every answer as a handle or an error. No I/O."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any, Final
from uuid import uuid4

from redis.exceptions import AuthenticationError, NoPermissionError, OutOfMemoryError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from trunkline_client import keys
from trunkline_client.errors import JobConflict, JobInvalid, NotAccepted, RedisUnavailable, StatusUnreadable
from trunkline_client.failover import NoWrites
from trunkline_client.job import CheckedJob, check
from trunkline_client.record import Follows, Handle, Status, enqueue_call, enqueued, status_of
from trunkline_client.scripts import CANCEL, ENQUEUE, USED, Script, as_text, is_forgotten
from trunkline_client.words import Lane

#: jobs in one pipeline: large enough that the round trip does not count, small enough not to block Redis for others.
BATCH: Final = 500
#: so many jobs of a tenant and lane in a pipeline come alone, and can have a head start; the others share messages.
ALONE: Final = 8

Jobs = Iterable[Mapping[str, Any]]
#: what `send_many` returns for one job.
Sent = Handle | JobInvalid | JobConflict | NotAccepted
NewId = Callable[[], str]


class Cancellation(StrEnum):
    """What came of `cancel`; only `CANCELLED` is true."""

    CANCELLED = "cancelled"
    TOO_LATE = "too_late"
    UNKNOWN = "unknown"

    def __bool__(self) -> bool:
        return self is Cancellation.CANCELLED


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a script."""

    script: Script
    keys: Sequence[str]
    arguments: Sequence[str]

    def command(self) -> list[str | int]:
        """Return the arguments of EVALSHA."""
        return [self.script.sha, len(self.keys), *self.keys, *self.arguments]


def random_id() -> str:
    """Return a fresh job id, unique without asking anybody."""
    return uuid4().hex


def prepare(job: Mapping[str, Any], new_id: NewId) -> CheckedJob | JobInvalid:
    """Return the job in its checked form, or the error that names its wrong fields."""
    try:
        return check(job, new_id())
    except JobInvalid as error:
        return error


def enqueue_calls(prepared: Iterable[CheckedJob | JobInvalid]) -> list[Call]:
    """Return the calls that enqueue the valid ones of `prepared`, in order."""
    valid = [job for job in prepared if isinstance(job, CheckedJob)]
    return [Call(ENQUEUE, *enqueue_call(job, follows)) for job, follows in zip(valid, _follows(valid), strict=True)]


def _follows(jobs: Iterable[CheckedJob]) -> Iterator[Follows]:
    """Yield for each job whether others of its tenant and lane are right behind it."""
    groups = [(job.tenant, job.lane) for job in jobs]
    sizes, seen = Counter(groups), Counter[tuple[str, Lane]]()
    for group in groups:
        seen[group] += 1
        if seen[group] <= ALONE or sizes[group] == ALONE + 1:
            yield Follows.NONE
        else:
            yield Follows.LAST if seen[group] == sizes[group] else Follows.MORE


def settle(prepared: Iterable[CheckedJob | JobInvalid], answers: Iterable[Any]) -> list[Sent]:
    """Return one result for each of `prepared`; `answers` are those to `enqueue_calls`, in order."""
    remaining = iter(answers)
    return [job if isinstance(job, JobInvalid) else _settle_one(job, next(remaining)) for job in prepared]


def handle_of(sent: Sent) -> Handle:
    """Return the handle, or raise the error in its place."""
    if isinstance(sent, Handle):
        return sent
    raise sent


def cancel_call(job_id: str) -> Call:
    """Return the call that cancels a job."""
    return Call(CANCEL, [keys.job(job_id)], [job_id])


def cancelled(answer: Sequence[Any]) -> Cancellation:
    """Return what an answer to `cancel_call` means."""
    return Cancellation(as_text(answer[0]))


def used_call(job_id: str) -> Call:
    """Return the call that notes that the code of a job was used."""
    return Call(USED, [keys.job(job_id)], [job_id])


def read_status(job_id: str, answer: Mapping[Any, Any]) -> Status | None:
    """Return the status in the hash of a job's record, None if there is no such job.

    Raises:
        StatusUnreadable: the record is damaged, or of a version this client does not know.
    """
    try:
        return status_of(job_id, {as_text(name): as_text(value) for name, value in answer.items()})
    except (ValueError, LookupError, TypeError, AttributeError):
        # not chained: the error may quote the record
        raise StatusUnreadable(job_id) from None


def forgotten(answers: Sequence[Any]) -> list[int]:
    """Return the places of calls whose script the server does not hold."""
    return [place for place, answer in enumerate(answers) if is_forgotten(answer)]


def texts(calls: Iterable[Call]) -> set[str]:
    """Return the texts of the scripts of `calls`."""
    return {call.script.text for call in calls}


def answer_of(answers: Sequence[Any]) -> Any:
    """Return the only answer.

    Raises:
        RedisUnavailable: it is an error.
    """
    (answer,) = answers
    if isinstance(answer, RedisError):
        raise unavailable(answer) from answer
    return answer


def unavailable(error: RedisError) -> RedisUnavailable:
    """Return the error to raise from a Redis error."""
    return RedisUnavailable(reason(error))


def loss(answers: Sequence[Any]) -> RedisError | None:
    """Return the error by which Redis itself was lost, if it was: then trying the next batch would only take time."""
    lost = (answer for answer in answers if isinstance(answer, RedisConnectionError | RedisTimeoutError))
    return next(lost, None)


def reason(error: RedisError) -> str:
    """Return why Redis did not do it, in words that quote nothing of the call."""
    if isinstance(error, AuthenticationError):
        return "Redis refused the password"
    if isinstance(error, RedisTimeoutError):
        return "Redis did not answer in time"
    if isinstance(error, NoWrites):
        return "Redis takes no writes at present: it has too few replicas, or cannot write to its disk"
    if isinstance(error, RedisConnectionError):
        return "the certificate of Redis is not trusted" if is_untrusted(error) else "Redis cannot be reached"
    if isinstance(error, OutOfMemoryError):
        return "Redis is full"
    if isinstance(error, NoPermissionError):
        return "Redis does not allow it to this user"
    return f"Redis refused the command: {type(error).__name__}"


def is_untrusted(error: BaseException | None) -> bool:
    """Return whether a connection failed because an authority we trust did not sign the server's certificate."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None


def batches(jobs: Jobs) -> Iterator[list[Mapping[str, Any]]]:
    """Yield the jobs in lists of at most `BATCH`."""
    remaining = iter(jobs)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def _settle_one(job: CheckedJob, answer: Any) -> Sent:
    if isinstance(answer, RedisError):
        error = NotAccepted(job.id, reason(answer))
        error.__cause__ = answer
        return error
    try:
        return enqueued(job, [as_text(part) for part in answer])
    except (JobConflict, JobInvalid) as refusal:
        return refusal
