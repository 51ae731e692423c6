"""What becomes of a run: targets, tables of docs/performance.md, pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from benchmarks.figures import latency
from benchmarks.measure import Fact, Latency, Measurement
from benchmarks.plots import Bar, bars, percentile_curves
from benchmarks.report import PAGE, filled, merged, pictures, table
from benchmarks.run import PARTS, Part, document
from benchmarks.sizes import QUICK
from benchmarks.targets import TARGETS, judge_all

MACHINE = {"machine": "x86_64, 2 cores", "load before": "1.0", "python": "3.11.7"}


def ran(
    name: str,
    measurements: Sequence[Measurement] = (),
    latencies: Sequence[Latency] = (),
    facts: Sequence[Fact] = (),
) -> dict[str, Any]:
    part = Part(name, 1.0, list(measurements), list(latencies), list(facts))
    return document(MACHINE, QUICK, [part])


SINGLE = ran(
    "single",
    [
        Measurement("single jobs", "no queue at all", 2_000, 400),
        Measurement("single jobs", "Trunkline, the whole job", 1_500, 900, 300, spread=(1_400, 1_600)),
        Measurement("single jobs", "Celery, httpx", 500, 1_900),
        Measurement("single jobs", "Celery, http.client", 600, 1_400),
        Measurement("single jobs", "Celery without acknowledgement", 1_000, 800),
        Measurement("single jobs", "taskiq, Redis list", 1_600, 700),
    ],
)


def test_targets_compare_with_the_best_peer_of_the_same_run() -> None:
    judged = {each.target.what: each for each in judge_all(SINGLE)}
    beside_celery = judged["single jobs, beside stock Celery's best"]
    assert (beside_celery.figure, beside_celery.is_reached) == (2.5, True)
    beside_taskiq = judged["single jobs, beside taskiq's best, which only sends"]
    assert (beside_taskiq.figure, beside_taskiq.is_reached) == (0.9375, False)
    assert judged["CPU of a single job"].text == "0.90 ms"


def test_targets_beside_peers_are_told_by_cpu_too() -> None:
    judged = {each.target.what: each for each in judge_all(SINGLE)}
    assert judged["single jobs, beside stock Celery's best, for each second of CPU"].figure == pytest.approx(1.4 / 0.9)


def test_what_was_not_measured_is_not_judged() -> None:
    assert judge_all(ran("latency")) == []
    assert len(judge_all(SINGLE)) == 5


def test_a_quiet_tenants_wait_beside_a_flood_is_held_to_that_of_an_idle_system() -> None:
    quiet = [latency("quiet", way, [value] * 200) for way, value in (("nobody else", 5.0), ("beside", 9.0))]
    (judged,) = judge_all(ran("quiet", latencies=quiet))
    assert (judged.figure, judged.is_reached) == (1.8, True)


def test_cost_by_size_includes_that_of_redis() -> None:
    rows = [Measurement("a job", "10 tenants", 1, 900, 100), Measurement("a job", "10,000 tenants", 1, 900, 250)]
    (judged,) = judge_all(ran("tenants", rows))
    assert (judged.figure, judged.is_reached) == (1.15, False)


def test_every_target_is_of_a_part_that_can_be_run() -> None:
    rows = [Measurement("x", f"{way} 1", 1, 1, 1) for way in ("no queue", "Trunkline", "Celery,", "taskiq")]
    waits = [latency("x", way, [1.0] * 200) for way in ("100 jobs", "other")]
    facts = [Fact(what, 1, "MB") for what in ("worker with", TARGETS[-1].what)]
    facts.append(Fact("Redis for a job in its lane, nudge included, listpack values to 1024", 1, "bytes"))
    every = merged([ran(name, rows, waits, facts) for name in PARTS])
    assert [each.target for each in judge_all(every)] == list(TARGETS)


def test_blocks_of_the_page_are_filled_again_and_again_and_the_rest_is_left_alone() -> None:
    page = "before\n<!-- bench: single -->\n<!-- /bench -->\nbetween\n<!-- bench: bulk -->\nold\n<!-- /bench -->\n"
    once = filled(page, SINGLE)
    assert "| Trunkline, the whole job | 1,500 (1,400 to 1,600) | 0.75 | 900 us | 2.25 | 300 us |" in once
    assert "between\n<!-- bench: bulk -->\nold\n<!-- /bench -->\n" in once
    assert filled(once, SINGLE) == once


def test_every_block_of_the_page_is_one_that_a_run_fills() -> None:
    named = {name for name in (*PARTS, "machine", "targets", "peers") if f"<!-- bench: {name} -->" in PAGE.read_text()}
    assert len(named) == PAGE.read_text().count("<!-- bench: ") == PAGE.read_text().count("<!-- /bench -->")
    assert {"machine", "targets", "peers", "single", "latency", "quiet"} <= named


def test_of_several_runs_the_last_that_has_a_part_gives_it() -> None:
    later = ran("single", [Measurement("single jobs", "no queue at all", 1, 1)])
    assert merged([SINGLE, ran("bulk"), later])["parts"]["single"] == later["parts"]["single"]
    assert set(merged([SINGLE, ran("bulk")])["parts"]) == {"single", "bulk"}


def test_a_percentile_that_is_not_known_is_an_empty_cell() -> None:
    waits = [latency("wait", "few", [1.0] * 50), latency("wait", "many", [2.0] * 2_000)]
    lines = list(table("latency", ran("latency", latencies=waits)))
    assert lines[0] == "| Wait | jobs | p50 | p90 | p99 | p99.9 | max |"
    assert lines[2] == "| few | 50 | 1.0 ms | 1.0 ms |  |  | 1.0 ms |"


@pytest.mark.parametrize("values", [[5.0], [0.5, 5.0, 50.0] * 700])
def test_pictures_are_svg_of_the_runs_numbers_and_the_same_for_the_same_run(values: list[float]) -> None:
    waits = [latency("wait", "<idle>", values)]
    found = pictures(merged([SINGLE, ran("quiet", latencies=waits)]))
    assert set(found) == {"performance-single.svg", "performance-quiet.svg"}
    for content in found.values():
        assert ET.fromstring(content).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - our own text
    assert found == pictures(merged([SINGLE, ran("quiet", latencies=waits)]))


def test_bars_are_as_long_as_their_values_beside_each_other() -> None:
    tree = ET.fromstring(bars("t", {"p": [Bar("a", 10, "10"), Bar("b", 5, "5", is_ours=True)]}))  # noqa: S314
    _, long, short = tree.findall("{http://www.w3.org/2000/svg}rect")
    assert float(long.get("width", "")) == pytest.approx(2 * float(short.get("width", "")), abs=0.1)


def test_a_curve_rises_from_the_least_to_the_greatest() -> None:
    histogram = latency("wait", "way", [1.0, 10.0, 100.0] * 400).histogram
    tree = ET.fromstring(percentile_curves("t", {"way": histogram}))  # noqa: S314
    points = tree.find("{http://www.w3.org/2000/svg}polyline")
    assert points is not None
    heights = [float(point.split(",")[1]) for point in points.get("points", "").split()]
    assert heights == sorted(heights, reverse=True)
    assert len(set(heights)) == 3


def test_a_run_is_told_with_all_of_its_parts() -> None:
    assert SINGLE["parts"]["single"]["measurements"][0] == asdict(
        Measurement("single jobs", "no queue at all", 2_000, 400)
    )
