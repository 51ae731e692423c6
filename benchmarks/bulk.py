"""Campaigns: `send_many` through one worker, beside a loop that sends the same messages without any queue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from benchmarks.installation import Installation, Stage
from benchmarks.measure import Measurement, Result
from benchmarks.peers.ways import BARE
from benchmarks.single import peer
from benchmarks.sizes import Size
from benchmarks.tenants_file import Tenants
from benchmarks.window import steady

TENANTS: Final = 20
WHAT: Final = "bulk jobs"


def measure(stage: Stage, size: Size) -> Iterator[Result]:
    """Yield both ways, in rounds; the bare loop is the baseline."""
    for _ in range(size.rounds):
        yield peer(stage, BARE, size.bulk, what=WHAT)
        yield _campaigns(stage, size)


def _campaigns(stage: Stage, size: Size) -> Measurement:
    """Return what a worker takes for each job of twenty tenants' campaigns, all queued before it starts."""
    installation = Installation(stage, Tenants(TENANTS))
    installation.configure()
    jobs = installation.jobs(size.bulk, priority="bulk")
    for place in range(TENANTS):
        installation.send_many(jobs[place::TENANTS])  # all of one tenant's: jobs() lets tenants take turns
    with installation.worker(size.concurrency) as worker:
        measurement = steady(stage, size.bulk, WHAT, "Trunkline, send_many", worker)
        stage.provider.check(str(job["body"]) for job in jobs)
    return measurement
