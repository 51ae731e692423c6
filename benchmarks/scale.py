"""What a job costs a worker and Redis with many tenants, with very many queued jobs, and with two workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

from benchmarks.installation import Installation, Stage, stage
from benchmarks.measure import Measurement, Note, Result
from benchmarks.sizes import Size
from benchmarks.tenants_file import Tenants
from benchmarks.window import between, moment, steady
from trunkline_client import keys

FEW: Final = 10
TENANTS: Final = 20
_NO_LIMIT: Final = 10**9
#: the lane that is measured; what is queued beside waits in another, which the worker does not serve.
_SERVED: Final = ("--queues", "dispatch.urgent")


def by_tenants(the_stage: Stage, size: Size) -> Iterator[Result]:
    """Yield the cost of a job for each number of tenants, in rounds; the fewest are the baseline."""
    for _ in range(size.rounds):
        for count in size.tenants:
            yield _of_tenants(the_stage, size, Tenants(count))


def by_queued(size: Size) -> Iterator[Result]:
    """Yield the cost of an urgent job beside a few and beside very many jobs that wait, in rounds."""
    with ExitStack() as stack:
        crowds = {count: Installation(stack.enter_context(stage()), Tenants(TENANTS)) for count in (FEW, size.queued)}
        for count, installation in crowds.items():
            installation.configure()
            installation.send_many(installation.jobs(count, name="waiting", priority="normal"))
        for turn in range(size.rounds):
            for count, installation in crowds.items():
                installation.stage.provider.configure()
                jobs = installation.jobs(size.scale, name=f"urgent-{turn}", priority="urgent")
                installation.send_each(jobs)
                with installation.worker(size.concurrency, *_SERVED) as worker:
                    way = f"{count:,} others queued"
                    yield steady(installation.stage, size.scale, "a job, by what is queued", way, worker)
                    installation.stage.provider.check(str(job["body"]) for job in jobs)


def by_workers(the_stage: Stage, size: Size) -> Iterator[Result]:
    """Yield what one worker and two do, in rounds."""
    for _ in range(size.rounds):
        for count in (1, 2):
            yield _of_workers(the_stage, size, count)
    yield Note("workers, Redis, the provider and this process share the machine's cores: with two, they are the limit")


def _of_tenants(the_stage: Stage, size: Size, tenants: Tenants) -> Measurement:
    """Return the cost of a job once the worker has seen every tenant of the largest installation.

    All jobs are in their lane from the start: jobs of one tenant that wait for room share messages, which makes them
    cheaper, and few tenants would have more of those than many.
    """
    installation = Installation(the_stage, tenants)
    installation.configure()
    the_stage.redis.hset(keys.TUNING, "lane_window", str(_NO_LIMIT))
    seen = max(size.tenants)
    jobs = installation.jobs(seen + size.scale)
    installation.send_each(jobs)
    with installation.worker(size.concurrency) as worker:
        the_stage.provider.wait_for(seen)
        first = moment(the_stage, worker)
        the_stage.provider.wait_for(seen + round(0.9 * size.scale))
        last = moment(the_stage, worker)
        the_stage.provider.wait_for(len(jobs))
        the_stage.provider.check(str(job["body"]) for job in jobs)
    return between("a job, by tenants", f"{tenants.count:,} tenants", first, last)


def _of_workers(the_stage: Stage, size: Size, count: int) -> Measurement:
    installation = Installation(the_stage, Tenants(TENANTS))
    installation.configure()
    jobs = installation.jobs(count * size.scale)
    installation.send_each(jobs)
    with ExitStack() as stack:
        names = [("--name", f"bench-{place}@here") for place in range(count)]
        workers = [stack.enter_context(installation.worker(size.concurrency, *name)) for name in names]
        way = "one worker" if count == 1 else f"{count} workers"
        measurement = steady(the_stage, len(jobs), "jobs, by workers", way, *workers)
        the_stage.provider.check(str(job["body"]) for job in jobs)
    return measurement
