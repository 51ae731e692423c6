"""When a provider is asked about an unknown outcome, and what silence means."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.patience import Verdict, after_lookup, pause_before, schedule
from trunkline_client.words import Lane


@pytest.mark.parametrize(
    ("lane", "seconds"),
    [(Lane.URGENT, [1, 3, 6, 10]), (Lane.NORMAL, [1, 3, 6, 10, 30]), (Lane.BULK, [1, 3, 6, 10, 30])],
)
def test_lookups_follow_the_documented_times(lane: Lane, seconds: list[int]) -> None:
    assert [one.total_seconds() for one in schedule(lane)] == seconds


def test_a_lookup_is_not_due_before_its_time() -> None:
    assert pause_before(Lane.URGENT, lookups=1, elapsed=timedelta(seconds=1)) == timedelta(seconds=2)


def test_a_message_not_found_yet_is_looked_for_again() -> None:
    patience = after_lookup(Lane.URGENT, lookups=1, good_lookups=1, last_good=True, elapsed=timedelta(seconds=1))

    assert (patience.verdict, patience.pause) == (Verdict.ASK_AGAIN, timedelta(seconds=2))


@pytest.mark.parametrize(
    ("good", "last_good", "verdict"),
    [
        (4, True, Verdict.ABSENT),
        (2, True, Verdict.ABSENT),
        (1, True, Verdict.NOBODY_KNOWS),
        (3, False, Verdict.NOBODY_KNOWS),
        (0, False, Verdict.NOBODY_KNOWS),
    ],
)
def test_absence_needs_two_good_answers_the_last_at_the_end_of_patience(
    good: int, last_good: bool, verdict: Verdict
) -> None:
    patience = after_lookup(
        Lane.URGENT, lookups=4, good_lookups=good, last_good=last_good, elapsed=timedelta(seconds=10)
    )

    assert patience.verdict is verdict


@given(
    lane=st.sampled_from(Lane),
    good=st.integers(0, 3),
    elapsed=st.timedeltas(timedelta(0), timedelta(days=1)),
    last_good=st.booleans(),
)
def test_before_the_end_of_patience_nothing_is_concluded(
    lane: Lane, good: int, elapsed: timedelta, last_good: bool
) -> None:
    patience = after_lookup(lane, lookups=3, good_lookups=good, last_good=last_good, elapsed=elapsed)

    assert patience.verdict is Verdict.ASK_AGAIN
    assert patience.pause >= timedelta(seconds=1)
