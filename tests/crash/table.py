"""The table of the plans, as `docs/reliability.md` shows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tests.support.chaos.tally import Tally

_HEAD: Final = (
    "Trouble", "struck", "jobs", "sent once", "sent twice", "lost", "held", "not sent", "unmarked", "recovery, s",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One plan and how it ended."""

    name: str
    tally: Tally


def table(rows: Iterable[Row]) -> str:
    """Return the rows as a table in Markdown."""
    lines = [_line(_HEAD), _line(["---", *["--:"] * (len(_HEAD) - 1)])]
    return "\n".join(lines + [_line(_cells(row)) for row in rows])


def _cells(row: Row) -> list[str]:
    tally = row.tally
    counts = (tally.strikes, tally.jobs, tally.once, tally.twice, tally.lost, tally.held, tally.unsent, tally.unmarked)
    return [row.name, *map(str, counts), f"{tally.recovery_s:.1f}"]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
