"""`python -m benchmarks.report RUN.json ..`: fills the tables and pictures of docs/performance.md from runs.

What `trunkline bench --json` printed comes in; of several files the last that has a part gives it. A table stands
between `<!-- bench: NAME -->` and `<!-- /bench -->`; what a run lacks stays as it is.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.peers.ways import BARE, CELERY, OTHERS
from benchmarks.plots import Bar, bars, percentile_curves
from benchmarks.tables import Row, compared, percentiles, ratio
from benchmarks.targets import Document, judge_all

DOCS: Final = Path(__file__).parent.parent / "docs"
PAGE: Final = DOCS / "performance.md"
IMAGES: Final = DOCS / "images"
_BLOCK: Final = re.compile(r"(?P<open><!-- bench: (?P<name>\w+) -->\n).*?(?P<close><!-- /bench -->)", re.DOTALL)


def merged(documents: Sequence[Document]) -> dict[str, Any]:
    """Return one run with the parts of all; machine and size are those of the last."""
    parts = {name: part for document in documents for name, part in document["parts"].items()}
    return {**documents[-1], "parts": parts}


def filled(page: str, document: Document) -> str:
    """Return the page with every block that the run has something for filled."""

    def block(match: re.Match[str]) -> str:
        rows = "\n".join(table(match["name"], document)).strip()
        return "\n".join([match["open"], rows, "", match["close"]]) if rows else match[0]

    return _BLOCK.sub(block, page)


def table(name: str, document: Document) -> Iterator[str]:
    """Yield the lines of the block of a name; none if the run has nothing for it."""
    if special := _SPECIAL.get(name):
        yield from special(document)
        return
    part = document["parts"].get(name)
    if part is None:
        return
    yield from _measured(part["measurements"])
    yield from _waited(part["latencies"])
    if part["facts"]:
        yield from _row("Measured", "")
        yield from _rule(2)
        for fact in part["facts"]:
            yield from _row(fact["what"], f"{fact['value']:,.{0 if fact['value'] >= 100 else 2}f} {fact['unit']}")  # noqa: PLR2004 - digits


def pictures(document: Document) -> dict[str, str]:
    """Return the name and content of each picture that the run has the numbers for."""
    found = {}
    parts = document["parts"]
    if "single" in parts and parts["single"]["measurements"]:
        found["performance-single.svg"] = _single(parts["single"]["measurements"])
    for name, title in _CURVES.items():
        if name in parts and parts[name]["latencies"]:
            series = {row["way"]: row["histogram"] for row in parts[name]["latencies"]}
            found[f"performance-{name}.svg"] = percentile_curves(title, series)
    return found


_CURVES: Final = {
    "latency": "From enqueue to the provider's receipt, by percentile",
    "quiet": "A quiet tenant, from enqueue to the provider's receipt, by percentile",
}


def _single(rows: Sequence[Row]) -> str:
    def panel(name: str, text: Callable[[float], str]) -> list[Bar]:
        return [Bar(row["way"], row[name], text(row[name]), row["way"].startswith("Trunkline")) for row in rows]

    return bars(
        "One worker process: Trunkline's whole job, the others only send",
        {
            "Messages a second": panel("per_s", lambda per_s: f"{per_s:,.0f}"),
            "CPU of the worker for each": panel("cpu_us", lambda us: f"{us / 1000:.2f} ms"),
        },
    )


def _measured(rows: Sequence[Row]) -> Iterator[str]:
    for what, group in compared(rows):
        has_redis = any(row["redis_us"] is not None for row in group)
        yield from _row(what[0].upper() + what[1:], "a second", "ratio", "CPU", "ratio", *["CPU of Redis"] * has_redis)
        yield from _rule(5 + has_redis)
        for row in group:
            redis = "" if row["redis_us"] is None else f"{row['redis_us']:,.0f} us"
            yield from _row(
                row["way"],
                f"{row['per_s']:,.0f}{_spread(row)}",
                f"{ratio(row, group[0], 'per_s'):.2f}",
                f"{row['cpu_us']:,.0f} us",
                f"{ratio(row, group[0], 'cpu_us'):.2f}",
                *[redis] * has_redis,
            )
        yield ""


def _spread(row: Row) -> str:
    low, high = row.get("spread") or (row["per_s"], row["per_s"])
    return "" if low == high else f" ({low:,.0f} to {high:,.0f})"


def _waited(rows: Sequence[Row]) -> Iterator[str]:
    for what, group in compared(rows):
        names = percentiles(group)
        yield from _row(what[0].upper() + what[1:], "jobs", *names)
        yield from _rule(2 + len(names))
        for row in group:
            known = row["percentiles_ms"]
            figures = (f"{known[name]:,.1f} ms" if name in known else "" for name in names)
            yield from _row(row["way"], f"{row['count']:,}", *figures)
        yield ""


def _targets(document: Document) -> Iterator[str]:
    judged = judge_all(document)
    if judged:
        yield from _row("Target", "wanted", "measured", "")
        yield from _rule(4)
    for each in judged:
        verdict = "reached" if each.is_reached else "**missed**"
        yield from _row(each.target.what, each.target.bound, each.text, verdict)


def _peers(_: Document) -> Iterator[str]:
    yield from _row("Way", "how it is set up")
    yield from _rule(2)
    for way in (BARE, *CELERY, *OTHERS):
        yield from _row(way.name, way.setup)


def _machine(document: Document) -> Iterator[str]:
    facts: Mapping[str, str] = document["machine"]
    known = ", ".join(f"{name} {value}" for name, value in facts.items() if name not in {"machine", "load before"})
    size = document["size"]
    yield f"Measured on {facts['machine']}, load {facts['load before']} before the run, {known}; size `{size['name']}`,"
    yield f"{size['concurrency']} jobs in hand at a time."


_SPECIAL: Final[Mapping[str, Callable[[Document], Iterator[str]]]] = {
    "targets": _targets,
    "peers": _peers,
    "machine": _machine,
}


def _row(*cells: str) -> Iterator[str]:
    yield f"| {' | '.join(cells)} |"


def _rule(columns: int) -> Iterator[str]:
    yield "|" + "---|" * columns


def main() -> None:
    """Fill the page and write the pictures."""
    document = merged([json.loads(Path(name).read_text("utf-8")) for name in sys.argv[1:]])
    PAGE.write_text(filled(PAGE.read_text("utf-8"), document), "utf-8")
    for name, content in pictures(document).items():
        (IMAGES / name).write_text(content, "utf-8")


if __name__ == "__main__":
    main()
