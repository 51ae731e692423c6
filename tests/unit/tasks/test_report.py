"""What a task shows of the pass it made."""

from __future__ import annotations

import pickle

import pytest

from providers.faults import Fault
from tasks.report import ELSEWHERE, JobFailed, Report, line_of_many
from tasks.revoke import nudge_of
from trunkline_client.words import JobState

FAILED = Report("failed unsubscribed", JobState.FAILED, Fault.UNSUBSCRIBED)


def test_a_pass_that_ends_its_job_as_failed_fails_with_the_name_of_the_fault() -> None:
    with pytest.raises(JobFailed, match=r"^unsubscribed$"):
        FAILED.shown()


def test_celery_can_copy_the_failure() -> None:
    assert repr(pickle.loads(pickle.dumps(JobFailed("auth")))) == "JobFailed('auth')"  # noqa: S301 - as Celery does


@pytest.mark.parametrize(
    "report",
    [
        Report("sent acme-twilio", JobState.SENT),
        Report("auth -> fallback.syniverse", JobState.QUEUED, Fault.AUTH),
        Report("rejected quota", JobState.REJECTED),
        Report("expired", JobState.EXPIRED),
        Report("held", JobState.HELD),
        ELSEWHERE,
    ],
    ids=lambda report: report.line,
)
def test_every_other_pass_shows_its_line(report: Report) -> None:
    assert report.shown() == report.line


def test_one_failed_job_of_many_is_counted_and_fails_none_of_the_others() -> None:
    assert line_of_many([FAILED, Report("sent acme-twilio", JobState.SENT)]) == "2 jobs, 1 failed"
    assert line_of_many([ELSEWHERE]) == "1 jobs"


@pytest.mark.parametrize(
    ("task_id", "named"),
    [("job-1.3", ("job-1", "3")), ("a.b.1", ("a.b", "1")), ("job-1", None), (".1", None), ("job.x", None)],
)
def test_a_nudge_is_told_by_the_form_of_its_task_id(task_id: str, named: tuple[str, str] | None) -> None:
    assert nudge_of(task_id) == named
