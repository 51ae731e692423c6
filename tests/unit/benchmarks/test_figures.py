"""The arithmetic behind the numbers in docs/performance.md."""

from __future__ import annotations

from itertools import pairwise
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import arrivals_s, histogram, latency, percentile

HUNDRED = [float(value) for value in range(1, 101)]


@pytest.mark.parametrize(
    ("share", "value"), [(0.5, 50.0), (0.9, 90.0), (0.99, 99.0), (0.999, 100.0), (1.0, 100.0), (0.001, 1.0)]
)
def test_a_percentile_is_the_smallest_value_that_its_share_does_not_exceed(share: float, value: float) -> None:
    assert percentile(HUNDRED, share) == value


@given(st.lists(st.floats(0.001, 1e6), min_size=1), st.floats(0.001, 1.0))
def test_a_percentile_is_a_value_that_was_measured(values: list[float], share: float) -> None:
    ordered = sorted(values)
    found = percentile(ordered, share)
    assert found in values
    assert sum(value <= found for value in ordered) >= round(share * len(ordered), 9)


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="no percentile"):
        percentile([], 0.5)


def test_a_percentile_is_left_out_where_no_value_is_above_it() -> None:
    assert list(latency("what", "way", HUNDRED).percentiles_ms) == ["p50", "p90", "p99", "max"]
    assert list(latency("what", "way", HUNDRED[:99]).percentiles_ms) == ["p50", "p90", "max"]
    assert "p99.9" in latency("what", "way", HUNDRED * 10).percentiles_ms


@given(st.lists(st.floats(0.001, 1e6)))
def test_every_value_is_in_the_one_bucket_of_a_histogram_that_reaches_it(values: list[float]) -> None:
    buckets = histogram(values)
    assert sum(count for _, count in buckets) == len(values)
    ends = [end for end, _ in buckets]
    assert ends == sorted(ends)
    assert all(upper / lower > 1.1 for lower, upper in pairwise(ends))
    if values:
        assert max(values) <= ends[-1] * 1.000001 < max(values) * 1.2


def test_arrivals_are_known_before_the_first_and_the_same_for_a_seed() -> None:
    due = arrivals_s(100, 5, seed=1)
    assert due == sorted(due) == arrivals_s(100, 5, seed=1)
    assert due != arrivals_s(100, 5, seed=2)
    assert due[0] > 0
    assert due[-1] < 5


def test_arrivals_come_at_their_rate_and_independently_of_each_other() -> None:
    due = arrivals_s(100, 1_000, seed=1)
    gaps = [later - earlier for earlier, later in pairwise(due)]
    assert mean(gaps) == pytest.approx(0.01, rel=0.02)
    assert sum(gap > 0.01 for gap in gaps) / len(gaps) == pytest.approx(0.368, abs=0.01)
