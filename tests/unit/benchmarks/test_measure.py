"""What becomes of the rounds of a benchmark."""

from __future__ import annotations

from benchmarks.measure import Fact, Measurement, Result, medians
from benchmarks.process import time_s


def test_the_round_in_the_middle_by_rate_speaks_for_all_and_the_spread_is_kept() -> None:
    rounds: list[Result] = [Measurement("send", "a", per_s, cpu_us=1e6 / per_s) for per_s in (100, 10, 90)]
    assert medians(rounds) == [Measurement("send", "a", 90, 1e6 / 90, spread=(10, 100))]


def test_rounds_of_different_ways_are_not_mixed_and_come_in_the_order_of_the_first_round() -> None:
    one, other = Measurement("send", "a", 1, 1), Measurement("send", "b", 2, 2)
    assert [each.way for each in medians([one, other, one, other]) if isinstance(each, Measurement)] == ["a", "b"]


def test_facts_are_kept_as_they_are() -> None:
    facts: list[Result] = [Fact("memory", 1, "MB"), Fact("memory", 1, "MB")]
    assert medians(facts) == facts


def test_the_time_of_a_process_is_read_as_ps_writes_it() -> None:
    assert [time_s(text) for text in ("0:01.50", "01:02:03", "2-00:00:01")] == [1.5, 3723.0, 172_801.0]
