"""The root of the one error tree, and the producer's branch of it.

* TrunklineError
    * JobInvalid        the job breaks the contract; names every wrong field; nothing was recorded
    * JobConflict       another job already has this id; nothing was recorded
    * NotAccepted       Redis did not confirm the job; sending it again with the same id is safe
    * RedisUnavailable  Redis did not answer a question about a job; asking again is safe
    * StatusUnreadable  the record of a job is damaged, or of a version this client does not know
    * SettingsInvalid   an address or setting cannot be used

Every other package of Trunkline derives its errors from `TrunklineError`. No error carries a recipient, a body,
a token or a code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class TrunklineError(Exception):
    """The root of every error Trunkline raises on purpose; its text is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field of a job or a file.

    Attributes:
        field: the field's path, for example `to` or `tenants.acme.senders.main.account_sid`.
        problem: what is wrong and how to mend it, without the value.
    """

    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}"


class JobInvalid(TrunklineError):
    """A job breaks the contract; `errors` names every wrong field."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(str(error) for error in self.errors))


class JobConflict(TrunklineError):
    """Another job was enqueued under this id before."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(f"another job already has the id {job_id}; use a new id, or the same fields")


class NotAccepted(TrunklineError):
    """Redis did not confirm the job, so it may or may not be recorded; send it again with the same id."""

    def __init__(self, job_id: str, reason: str) -> None:
        self.job_id = job_id
        super().__init__(f"job {job_id} was not confirmed ({reason}); enqueue it again with this id")


class RedisUnavailable(TrunklineError):
    """Redis did not answer a question about a job; asking again, and cancelling again, is safe."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Redis did not confirm it ({reason}); try again")


class StatusUnreadable(TrunklineError):
    """The record of a job is damaged, or of a version this client does not know."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(f"the record of job {job_id} cannot be read: it is damaged, or a newer release wrote it")


class SettingsInvalid(TrunklineError):
    """A setting cannot be used; the text names it and the fix."""
