"""What a job loses when Twilio refuses it: the time from the refusal to the request at Syniverse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from benchmarks import arrivals
from benchmarks.figures import arrivals_s, latency
from benchmarks.installation import Installation, Stage
from benchmarks.measure import Result
from benchmarks.simulated import LATENCY_S, Received
from benchmarks.sizes import Size
from benchmarks.tenants_file import Tenants

TENANTS: Final = 20
PER_S: Final = 50
#: SMS to this region is not enabled for the account: nothing is tried again, the next sender follows.
REFUSAL: Final = 21408


def measure(stage: Stage, size: Size) -> Iterator[Result]:
    """Yield the extra time of a fallback, all rounds together."""
    values: list[float] = []
    tenants = Tenants(TENANTS, fallback=True)
    refused = {tenants.account_sid(place): REFUSAL for place in range(tenants.count)}
    for turn in range(size.latency_rounds):
        installation = Installation(stage, tenants)
        installation.configure()
        with installation.worker(size.concurrency):
            arrivals.warm(installation)
            stage.provider.configure(refused=refused)
            due = arrivals_s(PER_S, size.latency_s, seed=turn)
            jobs = installation.jobs(len(due), name="refused")
            arrivals.send(installation, jobs, due)
            stage.provider.wait_for(2 * len(due))
            stage.provider.check((str(job["body"]) for job in jobs), times=2)
            values += extra_ms(stage.provider.received())
    yield latency("Twilio's refusal to Syniverse's request", f"{PER_S} jobs a second", values)


def extra_ms(received: Sequence[Received]) -> list[float]:
    """Return for each text how long after the end of its refusal at Twilio it reached Syniverse."""
    refused_ns = {each.body: each.ns + int(LATENCY_S * 1e9) for each in received if each.provider == "twilio"}
    return [(each.ns - refused_ns[each.body]) / 1e6 for each in received if each.provider == "syniverse"]
