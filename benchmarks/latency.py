"""How long a job takes from its enqueue to the provider: at fixed rates, and for a quiet tenant beside a flood."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from benchmarks import arrivals
from benchmarks.figures import arrivals_s, latency, percentile
from benchmarks.installation import Installation, Stage
from benchmarks.measure import Fact, Result
from benchmarks.sizes import Size
from benchmarks.tenants_file import Tenants

TENANTS: Final = 20
QUIET_PER_S: Final = 20
WHAT: Final = "enqueue to provider"
QUIET: Final = "a quiet tenant, enqueue to provider"
#: to count some of very many requests takes the provider milliseconds, in which it receives none.
_SELDOM_S: Final = 0.5
#: tenants take turns by place; the flood is all of the second one's.
_QUIET_TENANT, _FLOODING = 0, 1


def at_rates(stage: Stage, size: Size) -> Iterator[Result]:
    """Yield the latency at each rate of arrivals, all rounds together."""
    values: dict[int, list[float]] = {rate: [] for rate in size.rates}
    late: list[float] = []
    for turn in range(size.latency_rounds):
        installation = Installation(stage, Tenants(TENANTS))
        installation.configure()
        with installation.worker(size.concurrency):
            for rate in size.rates:
                arrivals.warm(installation)
                stage.provider.configure()
                due = arrivals_s(rate, size.latency_s, seed=turn)
                jobs = installation.jobs(len(due), name=f"at-{rate}-{turn}")
                sent = arrivals.send(installation, jobs, due)
                stage.provider.wait_for(len(due))
                stage.provider.check(sent.due_ns)
                values[rate] += sent.latencies_ms(stage.provider.received())
                late += sent.late_ms
    for rate, each in values.items():
        yield latency(WHAT, f"{rate} jobs a second", each)
    yield Fact("the generator was late by, p99", percentile(sorted(late), 0.99), "ms")


def beside_flood(stage: Stage, size: Size) -> Iterator[Result]:
    """Yield the latency of a quiet tenant on an idle system and beside a flood, in turns, with the same arrivals."""
    ways = {"nobody else": 0, f"beside {size.flood:,} queued jobs of another": size.flood}
    values: dict[str, list[float]] = {way: [] for way in ways}
    taken = 0
    for turn in range(size.latency_rounds):
        for way, flood in ways.items():
            each, meanwhile = _one(stage, size, flood, turn)
            values[way] += each
            taken += meanwhile
    for way, each in values.items():
        yield latency(QUIET, way, each)
    yield Fact("jobs of the flood that were sent meanwhile", taken / size.latency_rounds, "jobs")


def _one(stage: Stage, size: Size, flood: int, turn: int) -> tuple[list[float], int]:
    """Return the quiet tenant's latencies, and how many jobs of the flood were sent while it was measured."""
    installation = Installation(stage, Tenants(TENANTS))
    installation.configure()
    due = arrivals_s(QUIET_PER_S, size.quiet_s, seed=turn)
    quiet, flooding = (installation.tenants.name(place) for place in (_QUIET_TENANT, _FLOODING))
    jobs = [job | {"tenant": quiet} for job in installation.jobs(len(due), name="quiet")]
    with installation.worker(size.concurrency):
        arrivals.warm(installation)
        installation.send_many(job | {"tenant": flooding} for job in installation.jobs(flood, name="flood"))
        stage.provider.configure()
        sent = arrivals.send(installation, jobs, due)
        stage.provider.wait_for(len(due), containing="quiet-", every_s=_SELDOM_S)
        received = stage.provider.received()
        stage.provider.check(sent.due_ns, among_others=True)
    return sent.latencies_ms(received), len(received) - len(due)
