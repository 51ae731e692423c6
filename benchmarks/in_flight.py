"""The memory of a worker with very many attempts in flight, at a provider that lets them wait."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from benchmarks import arrivals
from benchmarks.installation import Installation, Stage
from benchmarks.measure import Fact, Result
from benchmarks.sizes import Size
from benchmarks.tenants_file import Tenants

TENANTS: Final = 20
IN_FLIGHT: Final = 1_000
#: shorter than an attempt may take (15 s), longer than a slow worker takes to begin a thousand.
LATENCY_S: Final = 12.0
_EVERY_S: Final = 0.05


def measure(stage: Stage, size: Size) -> Iterator[Result]:  # noqa: ARG001 - all parts are called alike
    """Yield the worker's memory at rest and with a thousand in flight, and how many really were."""
    installation = Installation(stage, Tenants(TENANTS))
    installation.configure()
    with installation.worker(IN_FLIGHT) as worker:
        arrivals.warm(installation)
        yield Fact("worker at rest", worker.usage().rss_mb, "MB")
        stage.provider.configure(latency_s=LATENCY_S)
        jobs = installation.jobs(IN_FLIGHT)
        installation.send_each(jobs)
        most_mb, give_up_at = 0.0, time.monotonic() + LATENCY_S
        while stage.provider.most_open() < IN_FLIGHT and time.monotonic() < give_up_at:
            most_mb = max(most_mb, worker.usage().rss_mb)
            time.sleep(_EVERY_S)
        most_mb = max(most_mb, worker.usage().rss_mb)
        yield Fact("worker with all of these in flight, at most", most_mb, "MB")
        yield Fact("attempts in flight at the same time", stage.provider.most_open(), "attempts")
        stage.provider.wait_for(IN_FLIGHT)
        stage.provider.check(str(job["body"]) for job in jobs)
