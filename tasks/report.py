"""What a task says when it is done: one line that is safe in Flower and in logs."""

from __future__ import annotations

from dataclasses import dataclass

from providers.faults import Fault
from trunkline_client.words import JobState


@dataclass(frozen=True, slots=True)
class Report:
    """How one pass over a job ended.

    Attributes:
        line: for people, for example `sent acme-twilio` or `auth -> fallback.syniverse`.
        state: the job's state, None if this pass had no business with it.
        fault: the fault of a job that ended `failed`.
    """

    line: str
    state: JobState | None = None
    fault: Fault | None = None


#: The job had moved on to somebody else; what this pass knew was taken as evidence if it was news.
ELSEWHERE = Report("left elsewhere")
#: This worker stops; the job is put back when its lease is ended.
STOPPING = Report("given back, this worker stops")
