"""The steady part of a run: what was done between two moments, by the provider's count and the worker's CPU time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from benchmarks.installation import Stage
from benchmarks.measure import Measurement
from benchmarks.process import Measured

#: connections, caches and pools are warm after the first share; the last share has no full queue any more.
FIRST: Final = 0.15
LAST: Final = 0.9
_EVERY_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class Moment:
    """What had been taken and done by a moment."""

    at_s: float
    count: int
    cpu_s: float
    redis_cpu_s: float
    rss_mb: float


def moment(stage: Stage, *workers: Measured) -> Moment:
    """Return how far everything is now."""
    usages = [worker.usage() for worker in workers]
    return Moment(
        time.perf_counter(),
        stage.provider.count(),
        sum(usage.cpu_s for usage in usages),
        stage.redis_cpu_s(),
        sum(usage.rss_mb for usage in usages),
    )


def between(what: str, way: str, first: Moment, last: Moment) -> Measurement:
    """Return rate and CPU for each message sent between two moments."""
    done = max(1, last.count - first.count)
    return Measurement(
        what,
        way,
        per_s=done / (last.at_s - first.at_s),
        cpu_us=1e6 * (last.cpu_s - first.cpu_s) / done,
        redis_us=1e6 * (last.redis_cpu_s - first.redis_cpu_s) / done,
        rss_mb=last.rss_mb,
    )


def steady(stage: Stage, count: int, what: str, way: str, *workers: Measured) -> Measurement:
    """Return what was measured while workers sent the middle of `count` messages, once they have sent all."""
    stage.provider.wait_for(round(FIRST * count), every_s=_EVERY_S)
    first = moment(stage, *workers)
    stage.provider.wait_for(round(LAST * count), every_s=_EVERY_S)
    last = moment(stage, *workers)
    stage.provider.wait_for(count)
    return between(what, way, first, last)
