"""The count that the crash tests judge by must see what it is there to see."""

from __future__ import annotations

from typing import Any

import pytest

from providers.simulators.ledger import Entry
from tests.support.chaos.tally import Tally, count
from trunkline_client import Status
from trunkline_client.words import JobState

CLEAN = Tally(jobs=1, once=0, twice=0, lost=0, held=0, unsent=0, unmarked=0, recovery_s=0.0, strikes=0)


def status(state: JobState, *, maybe_twice: bool = False, maybe_sent: bool = False) -> Status:
    return Status(
        id="job-1",
        state=state,
        rule=None,
        fault=None,
        attempts=[],
        sender=None,
        provider=None,
        account=None,
        provider_id=None,
        maybe_twice=maybe_twice,
        maybe_sent=maybe_sent,
    )


def entries(to: str, times: int) -> list[Entry]:
    return [Entry(n, 0.0, "twilio", "AC1", "sms", to, None, "text", f"SM{n}") for n in range(times)]


def tally(times: int, *found: Status | None) -> Tally:
    jobs = {f"job-{n}": "+12015550123" for n in range(len(found))}
    statuses = dict(zip(jobs, found, strict=True))
    return count(jobs, statuses, entries("+12015550123", times), recovery_s=0.0, strikes=0)


SENT, FAILED = status(JobState.SENT), status(JobState.FAILED)


@pytest.mark.parametrize(
    ("found", "times", "expected"),
    [
        (SENT, 1, {"once": 1}),
        (SENT, 2, {"twice": 1, "unmarked": 1}),
        (status(JobState.SENT, maybe_twice=True), 2, {"twice": 1}),
        (SENT, 0, {"lost": 1}),
        (None, 0, {"lost": 1}),
        (status(JobState.QUEUED), 0, {"lost": 1}),
        (status(JobState.RECONCILING), 1, {"lost": 1, "once": 1, "unmarked": 1}),
        (FAILED, 0, {"unsent": 1}),
        (FAILED, 1, {"once": 1, "unmarked": 1}),
        (status(JobState.EXPIRED, maybe_sent=True), 1, {"once": 1}),
        (status(JobState.HELD), 0, {"held": 1}),
        (status(JobState.HELD), 1, {"held": 1, "once": 1}),
    ],
)
def test_one_job_is_counted_by_the_ledger_and_its_record(
    found: Status | None, times: int, expected: dict[str, Any]
) -> None:
    assert tally(times, found) == count_of(1, expected)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (2, {"once": 2}),
        (1, {"once": 1, "lost": 1}),
        (3, {"once": 1, "twice": 1, "unmarked": 1}),
    ],
)
def test_twins_are_counted_together(times: int, expected: dict[str, Any]) -> None:
    assert tally(times, SENT, SENT) == count_of(2, expected)


def test_only_every_job_sent_once_is_perfect() -> None:
    assert tally(1, SENT).is_perfect
    assert not tally(2, SENT).is_perfect
    assert not tally(0, FAILED).is_perfect


def count_of(jobs: int, expected: dict[str, Any]) -> Tally:
    return Tally(**{name: getattr(CLEAN, name) for name in CLEAN.__slots__} | {"jobs": jobs} | expected)
