"""What every benchmark shares: one measurement as data, and the clock it is taken with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Measurement:
    """One way of doing one thing, measured.

    Attributes:
        what: what was compared, the same for all ways of doing it.
        way: this way of doing it.
        per_s: how many were done per second of wall time.
        cpu_us: how much CPU time of this process one took, in microseconds.
    """

    what: str
    way: str
    per_s: float
    cpu_us: float


@dataclass(frozen=True, slots=True)
class Fact:
    """Something measured that is neither a rate nor CPU time."""

    what: str
    value: float
    unit: str


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
    return sorted(measurements, key=lambda each: each.per_s)[len(measurements) // 2]
