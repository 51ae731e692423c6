"""What a listing asks for: moments in milliseconds, cursors, and the shortest way to the jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from providers.faults import Fault
from tasks.wanted import MOST_IN_PLACES, Cursor, CursorInvalid, Path, Wanted, Way, narrowest, paths
from trunkline_client import keys
from trunkline_client.words import JobState

FAILED, HELD, SENT = (frozenset({state}) for state in (JobState.FAILED, JobState.HELD, JobState.SENT))


@pytest.mark.parametrize(
    "text", ["", "x", "1", "1.", ".a", "-1.a", "1.a/b", "12345678901234.a", "1.a ", "\u0661.a", "1." + "a" * 65]
)
def test_what_no_listing_printed_is_no_cursor(text: str) -> None:
    with pytest.raises(CursorInvalid, match="must be one that an earlier listing printed"):
        Cursor.parse(text)


def test_a_cursor_is_read_as_it_was_printed() -> None:
    cursor = Cursor(1_790_000_000_000, "order.100:sms_1")
    assert Cursor.parse(str(cursor)) == cursor


def test_both_ends_of_a_range_of_time_belong_to_it_and_parts_of_a_millisecond_do_not() -> None:
    at = datetime(2026, 11, 23, 8, microsecond=1500, tzinfo=UTC)
    assert Wanted(since=at).since_ms == Wanted(until=at).until_ms + 1
    exact = at.replace(microsecond=2000).astimezone(timezone(timedelta(hours=5)))
    assert Wanted(since=exact).since_ms == Wanted(until=exact).until_ms == Wanted(since=at).since_ms


def test_moments_outside_of_all_jobs_are_no_error() -> None:
    assert Wanted(since=datetime(1, 1, 1, tzinfo=UTC)).since_ms == 0
    assert Wanted(until=datetime(1, 1, 1, tzinfo=UTC)).until_ms == -1
    assert Wanted(until=datetime.max.replace(tzinfo=UTC)).until_ms == 9_999_999_999_999


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Wanted(), {keys.JOBS}),
        (Wanted(states=SENT), {keys.JOBS}),
        (Wanted(tenant="acme"), {keys.JOBS, "tl:jobs:acme"}),
        (Wanted(states=FAILED), {keys.JOBS, keys.DEAD}),
        (Wanted(fault=Fault.GEO), {keys.JOBS, keys.DEAD}),
        (Wanted(rule="quota"), {keys.JOBS, "tl:ended:rejected"}),
        (Wanted(states=FAILED | HELD), {keys.JOBS, keys.DEAD, keys.UNFINISHED}),
        (Wanted(states=FAILED | SENT), {keys.JOBS}),
        (Wanted(states=HELD), {keys.JOBS, keys.UNFINISHED, keys.HELD}),
        (Wanted(reference="r"), {keys.JOBS, "r"}),
        (Wanted(fault=Fault.GEO, rule="quota"), set()),
        (Wanted(states=SENT, fault=Fault.GEO), set()),
    ],
)
def test_every_index_that_holds_all_wanted_jobs_leads_to_them(wanted: Wanted, names: set[str]) -> None:
    assert {name for path in paths(wanted) for name in path.names} == names


def test_the_way_with_the_fewest_jobs_is_taken_and_places_only_if_they_are_few() -> None:
    unfinished, held = Path(Way.INDEXES, (keys.UNFINISHED,)), Path(Way.PLACES, (keys.HELD,))
    assert narrowest({unfinished: 10**6, held: MOST_IN_PLACES}) == held
    assert narrowest({unfinished: 10**6, held: MOST_IN_PLACES + 1}) == unfinished
    assert narrowest({unfinished: 2, held: 3}) == unfinished
