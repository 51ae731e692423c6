"""The arithmetic of the benchmarks: percentiles, histograms, and when jobs arrive. Nothing here measures."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate, takewhile
from random import Random
from typing import Final

from benchmarks.measure import Latency

#: by name, the share of values that are not above it.
PERCENTILES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
#: buckets of a histogram to a factor of ten, so that neighbours differ by an eighth to a seventh.
_BUCKETS: Final = 18


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest of the ascending values that `share` of them do not exceed (nearest rank).

    Raises:
        ValueError: there are no values.
    """
    if not ordered:
        raise ValueError("no values, no percentile")
    # The share is rounded before it is cut up: 0.99 * 100 is 99.00000000000001 nowhere but in binary.
    return ordered[max(0, math.ceil(round(share * len(ordered), 9)) - 1)]


def histogram(values: Sequence[float]) -> list[tuple[float, int]]:
    """Return the upper end of each bucket that is not empty, ascending, and how many positive values are in it."""
    places = Counter(math.ceil(round(_BUCKETS * math.log10(value), 9)) for value in values)
    return [(10 ** (place / _BUCKETS), places[place]) for place in sorted(places)]


def latency(what: str, way: str, values_ms: Sequence[float]) -> Latency:
    """Return the latencies of one way as percentiles and histogram.

    A percentile above which there is not one value is left out: with 200 values, nobody knows the 99.9th.
    """
    ordered = sorted(values_ms)
    known = {name: share for name, share in PERCENTILES.items() if round((1 - share) * len(ordered), 9) >= 1}
    shown = {name: percentile(ordered, share) for name, share in known.items()}
    return Latency(what, way, len(ordered), {**shown, "max": ordered[-1]}, histogram(ordered))


def arrivals_s(rate_per_s: float, seconds: float, seed: int) -> list[float]:
    """Return when jobs arrive, in seconds from the start: independent of each other (Poisson), fixed by the seed.

    The times are known before the first job is sent, and latency counts from them. Whoever waits for an answer before
    sending the next, or counts from when sending began, leaves out just those jobs that a stall delays ("coordinated
    omission").
    """
    random = Random(seed)  # noqa: S311 - arrivals, not secrets
    return list(takewhile(lambda at_s: at_s < seconds, accumulate(_gaps(random, rate_per_s))))


def _gaps(random: Random, rate_per_s: float) -> Iterator[float]:
    while True:
        yield random.expovariate(rate_per_s)
