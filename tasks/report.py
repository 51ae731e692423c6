"""What a task says when it is done: one line that is safe in Flower and in logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from providers.faults import Fault
from trunkline_client.errors import TrunklineError
from trunkline_client.words import JobState


class JobFailed(TrunklineError):
    """A pass has ended its job as `failed`; the text is the name of the fault and nothing else."""


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

    def shown(self) -> str:
        """Return the line.

        Raises:
            JobFailed: this pass has ended the job as `failed`, so that its task fails too.
        """
        if self.state is JobState.FAILED:
            raise JobFailed(self.fault.value if self.fault else JobState.FAILED.value)
        return self.line


#: The job had moved on to somebody else; what this pass knew was taken as evidence if it was news.
ELSEWHERE = Report("left elsewhere")
#: This worker stops; the job is put back when its lease is ended.
STOPPING = Report("given back, this worker stops")


def waiting(gate: str) -> Report:
    """Return the report of a pass whose job waits at a gate; our own accounts and numbers are nobody's secret."""
    return Report(f"waits at {gate}", JobState.QUEUED)


def line_of_many(reports: Sequence[Report]) -> str:
    """Return the line of a task for several jobs; one of them that fails does not fail the task of the others."""
    failed = sum(report.state is JobState.FAILED for report in reports)
    return f"{len(reports)} jobs" + (f", {failed} failed" if failed else "")
