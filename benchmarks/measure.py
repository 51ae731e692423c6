"""What every benchmark shares: what was measured, as data, and the clock it is taken with."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Measurement:
    """One way of doing one thing, measured.

    Attributes:
        what: what was compared, the same for all ways of doing it.
        way: this way of doing it.
        per_s: how many were done per second of wall time.
        cpu_us: how much CPU time of the measured process one took, in microseconds.
        redis_us: how much CPU time of Redis one took, where that was measured.
        rss_mb: the resident memory of the measured process afterwards, where that was measured.
        spread: the lowest and the highest `per_s` of its rounds.
    """

    what: str
    way: str
    per_s: float
    cpu_us: float
    redis_us: float | None = None
    rss_mb: float | None = None
    spread: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Latency:
    """How long something took, for many of them.

    Attributes:
        what: what was compared, the same for all ways of doing it.
        way: this way of doing it.
        count: how many there were.
        percentiles_ms: the percentiles by name, such as `p99`, in milliseconds.
        histogram: the upper end of each bucket in milliseconds, and how many were in it; empty buckets are left out.
    """

    what: str
    way: str
    count: int
    percentiles_ms: dict[str, float]
    histogram: list[tuple[float, int]]


@dataclass(frozen=True, slots=True)
class Fact:
    """Something measured that is neither a rate nor CPU time."""

    what: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something that the reader of the numbers has to know, such as what was left out."""

    text: str


Result = Measurement | Latency | Fact | Note


@dataclass(slots=True)
class Stopwatch:
    """Wall and CPU time of this process since it was started, and what was done meanwhile."""

    started: float = field(default_factory=time.perf_counter)
    cpu_started: float = field(default_factory=time.process_time)
    done: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def runs(self, seconds: float) -> bool:
        """Return whether fewer than `seconds` have passed."""
        return time.perf_counter() - self.started < seconds

    def stop(self) -> None:
        """Fix both times."""
        self.wall_s = time.perf_counter() - self.started
        self.cpu_s = time.process_time() - self.cpu_started

    def add(self, other: Stopwatch) -> None:
        """Add what another one measured."""
        self.wall_s += other.wall_s
        self.cpu_s += other.cpu_s
        self.done += other.done

    def measurement(self, what: str, way: str) -> Measurement:
        """Return what was measured."""
        return Measurement(what, way, self.done / self.wall_s, 1e6 * self.cpu_s / max(1, self.done))


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Yield a running stopwatch that is stopped at the end of the block."""
    watch = Stopwatch()
    yield watch
    watch.stop()


def median(measurements: list[Measurement]) -> Measurement:
    """Return the measurement in the middle by rate: a disturbed round should not speak for all."""
    ordered = sorted(measurements, key=lambda each: each.per_s)
    return replace(ordered[len(ordered) // 2], spread=(ordered[0].per_s, ordered[-1].per_s))


def medians(results: Iterable[Result]) -> list[Result]:
    """Return one measurement for all rounds of the same, in the order of the first round; the rest as it is."""
    kept: dict[object, list[Result]] = {}
    for each in results:
        kept.setdefault((each.what, each.way) if isinstance(each, Measurement) else len(kept), []).append(each)
    return [_one(list(rounds)) for rounds in kept.values()]


def _one(rounds: list[Result]) -> Result:
    measurements = [each for each in rounds if isinstance(each, Measurement)]
    return median(measurements) if measurements else rounds[0]
