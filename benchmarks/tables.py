"""A part of a run as lines of text; the first of each comparison is the baseline of the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from benchmarks.targets import Document, judge_all

Row = Mapping[str, Any]


def lines(part: Row) -> Iterator[str]:
    """Yield the lines of one part, as `asdict` or a file of `--json` has it."""
    yield f"\n{part['name']} ({part['took_s']:.0f} s)"
    yield from _measurements(part["measurements"])
    yield from _latencies(part["latencies"])
    for fact in part["facts"]:
        yield f"  {fact['what']:74}{fact['value']:>10,.2f} {fact['unit']}"
    for note in part["notes"]:
        yield f"  ({note['text']})"
    if part["error"]:
        yield f"  ENDED EARLY: {part['error']}"


def judged(document: Document) -> Iterator[str]:
    """Yield what a run says about each target."""
    for each in judge_all(document):
        verdict = "reached" if each.is_reached else "MISSED"
        yield f"  {each.target.what:70}{each.target.bound:>34}{each.text:>32}  {verdict}"


def compared(rows: Sequence[Row]) -> Iterator[tuple[str, Sequence[Row]]]:
    """Yield what is compared and its rows, the baseline first."""
    for what, group in groupby(rows, key=lambda row: str(row["what"])):
        yield what, list(group)


def ratio(row: Row, baseline: Row, name: str) -> float:
    """Return how many times the baseline's figure a row's is."""
    return float(row[name] / baseline[name]) if baseline[name] else float("nan")


def percentiles(rows: Sequence[Row]) -> list[str]:
    """Return the names of all percentiles that a row knows, ascending; the greatest value comes last."""
    known = {name for row in rows for name in row["percentiles_ms"]}
    return [*sorted(known - {"max"}, key=lambda name: float(name[1:])), *sorted(known & {"max"})]


def _measurements(rows: Sequence[Row]) -> Iterator[str]:
    for what, group in compared(rows):
        yield f"\n  {what:42}{'per second':>12}{'rate':>8}{'CPU us':>9}{'CPU':>8}{'Redis us':>10}{'RSS MB':>8}"
        for row in group:
            rate, cpu = ratio(row, group[0], "per_s"), ratio(row, group[0], "cpu_us")
            redis, rss = ("" if row[name] is None else f"{row[name]:,.0f}" for name in ("redis_us", "rss_mb"))
            yield (
                f"    {row['way']:40}{row['per_s']:>12,.0f}{rate:>7.2f}x{row['cpu_us']:>9,.0f}{cpu:>7.2f}x"
                f"{redis:>10}{rss:>8}"
            )


def _latencies(rows: Sequence[Row]) -> Iterator[str]:
    for what, group in compared(rows):
        names = percentiles(group)
        yield f"\n  {what + ', ms':42}{'count':>8}" + "".join(f"{name:>10}" for name in names)
        for row in group:
            known = row["percentiles_ms"]
            figures = "".join(f"{known[name]:>10.1f}" if name in known else f"{'-':>10}" for name in names)
            yield f"    {row['way']:40}{row['count']:>8,}{figures}"
