"""What Trunkline is meant to reach, and what a run says about it: ratios within the run wherever they can be had."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Document = Mapping[str, Any]
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """Something to reach.

    Attributes:
        what: what is looked at.
        goal: the figure that must be reached.
        at_least: whether it is a lower bound; otherwise an upper one.
        unit: what the figure counts.
        figure: finds the figure in a run; raises LookupError where that part was not measured.
    """

    what: str
    goal: float
    at_least: bool
    unit: str
    figure: Callable[[Document], float]

    def judge(self, document: Document) -> Judged | None:
        """Return what a run says about it; None if it was not measured."""
        try:
            figure = self.figure(document)
        except LookupError:
            return None
        reached = figure >= self.goal if self.at_least else figure <= self.goal
        return Judged(self, figure, reached)

    @property
    def bound(self) -> str:
        """The goal as text."""
        return f"{'at least' if self.at_least else 'at most'} {self.goal:g} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Judged:
    """A target with the figure of a run."""

    target: Target
    figure: float
    is_reached: bool

    @property
    def text(self) -> str:
        """The figure as text."""
        return f"{self.figure:,.{0 if self.figure >= 100 else 2}f} {self.target.unit}".rstrip()  # noqa: PLR2004 - digits


def judge_all(document: Document) -> list[Judged]:
    """Return every target that a run says something about."""
    return [judged for target in TARGETS if (judged := target.judge(document)) is not None]


def _rows(document: Document, part: str, kind: str = "measurements") -> Sequence[Row]:
    rows: Sequence[Row] = document["parts"][part][kind]
    if not rows:
        raise LookupError(part)
    return rows


def _named(rows: Iterable[Row], start: str, name: str = "way") -> Row:
    """Return the first row whose name starts like this."""
    for row in rows:
        if row[name].startswith(start):
            return row
    raise LookupError(start)


def _beside(part: str, peer: str, *, by_cpu: bool = False) -> Callable[[Document], float]:
    """Return how many times the rate of the best peer of a name Trunkline's is.

    By CPU it is what each sends in a second of CPU time: the same where the process is busy all the time, and steady on
    a machine that others use too.
    """

    def speed(row: Row) -> float:
        return 1e6 / float(row["cpu_us"]) if by_cpu else float(row["per_s"])

    def figure(document: Document) -> float:
        rows = _rows(document, part)
        best = max((speed(row) for row in rows if row["way"].startswith(peer)), default=None)
        if best is None:
            raise LookupError(peer)
        return speed(_named(rows, "Trunkline")) / best

    return figure


def _cpu_ms(document: Document) -> float:
    return float(_named(_rows(document, "single"), "Trunkline")["cpu_us"]) / 1000


def _latency(part: str, way: str, percentile: str) -> Callable[[Document], float]:
    return lambda document: float(_named(_rows(document, part, "latencies"), way)["percentiles_ms"][percentile])


def _quiet(document: Document) -> float:
    idle, flooded = _rows(document, "quiet", "latencies")
    return float(flooded["percentiles_ms"]["p99"] / idle["percentiles_ms"]["p99"])


def _flat(part: str) -> Callable[[Document], float]:
    """Return how many times the cost of the first row that of the last is, Redis included."""

    def figure(document: Document) -> float:
        rows = _rows(document, part)
        first, last = (float(row["cpu_us"] + row["redis_us"]) for row in (rows[0], rows[-1]))
        return last / first

    return figure


def _fact(part: str, start: str) -> Callable[[Document], float]:
    return lambda document: float(_named(_rows(document, part, "facts"), start, "what")["value"])


def _relative(what: str, goal: float, part: str, peer: str) -> tuple[Target, Target]:
    """Return a target by rate, and the same by CPU."""
    by_rate, by_cpu = (_beside(part, peer, by_cpu=by_cpu) for by_cpu in (False, True))
    return (
        Target(what, goal, at_least=True, unit="times", figure=by_rate),
        Target(f"{what}, for each second of CPU", goal, at_least=True, unit="times", figure=by_cpu),
    )


#: the comma keeps out Celery without acknowledgement, which loses what a killed worker had in hand.
_CELERY: Final = "Celery,"
TARGETS: Final = (
    *_relative("single jobs, beside stock Celery's best", 2, "single", _CELERY),
    *_relative("single jobs, beside taskiq's best, which only sends", 1, "single", "taskiq"),
    Target("CPU of a single job", 1, at_least=False, unit="ms", figure=_cpu_ms),
    *_relative("bulk jobs, beside the bare loop", 0.75, "bulk", "no queue"),
    Target("latency at 100 a second, p50", 5, at_least=False, unit="ms", figure=_latency("latency", "100 ", "p50")),
    Target("latency at 100 a second, p99", 20, at_least=False, unit="ms", figure=_latency("latency", "100 ", "p99")),
    Target("quiet tenant's p99 beside a flood", 2, at_least=False, unit="times an idle system's", figure=_quiet),
    Target("what a fallback adds, p99", 50, at_least=False, unit="ms", figure=_latency("failover", "", "p99")),
    Target("a job's cost, many tenants beside 10", 1.1, at_least=False, unit="times", figure=_flat("tenants")),
    Target("a job's cost, beside many queued and 10", 1.1, at_least=False, unit="times", figure=_flat("queued")),
    Target("worker with 1,000 in flight", 150, at_least=False, unit="MB", figure=_fact("memory", "worker with")),
    Target(
        "Redis for a queued job, as recommended",
        2048,
        at_least=False,
        unit="bytes",
        figure=_fact("bytes", "Redis for a job in its lane, nudge included, listpack values to 1024"),
    ),
)
