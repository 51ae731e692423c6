"""A part of a run as text."""

from __future__ import annotations

from dataclasses import asdict

from benchmarks.figures import latency
from benchmarks.measure import Fact, Measurement, Note
from benchmarks.run import PARTS, Part, parts_of
from benchmarks.sizes import DEFAULT, FULL, QUICK, SIZES
from benchmarks.tables import lines


def test_every_line_is_compared_with_the_first_of_its_kind() -> None:
    rows = [Measurement("send", "bare", 1_000, 500), Measurement("send", "queue", 250, 2_000, redis_us=70, rss_mb=99)]
    text = list(lines(asdict(Part("single", measurements=rows))))
    assert text[-2].split() == ["bare", "1,000", "1.00x", "500", "1.00x"]
    assert text[-1].split() == ["queue", "250", "0.25x", "2,000", "4.00x", "70", "99"]


def test_a_baseline_that_took_nothing_has_no_ratio_and_breaks_nothing() -> None:
    rows = [Measurement("send", "bare", 0, 0), Measurement("send", "queue", 250, 2_000)]
    assert "nanx" in list(lines(asdict(Part("single", measurements=rows))))[-1]


def test_latencies_of_which_some_know_fewer_percentiles_are_one_table() -> None:
    few, many = latency("wait", "few", [1.0] * 50), latency("wait", "many", [2.0] * 2_000)
    text = list(lines(asdict(Part("latency", latencies=[few, many]))))
    assert text[-2].split() == ["few", "50", "1.0", "1.0", "-", "-", "1.0"]
    assert text[-1].split() == ["many", "2,000", "2.0", "2.0", "2.0", "2.0", "2.0"]


def test_facts_notes_and_the_error_that_ended_a_part_are_told() -> None:
    part = Part("memory", facts=[Fact("at rest", 107.14, "MB")], notes=[Note("arq is left out")], error="OSError: full")
    text = "\n".join(lines(asdict(part)))
    assert "107.14 MB" in text
    assert "(arq is left out)" in text
    assert "ENDED EARLY: OSError: full" in text


def test_a_full_run_measures_every_part_and_the_others_what_is_about_the_whole() -> None:
    assert parts_of(FULL) == list(PARTS)
    assert "single" in parts_of(QUICK)
    assert {"bytes", "broker"} & set(parts_of(QUICK)) == set()
    assert {"bytes", "broker"} & set(parts_of(DEFAULT)) == {"bytes"}
    assert set(SIZES) == {"quick", "default", "full"}
