"""Sends jobs when they are due, whatever became of those before, and tells how long each took to reach the provider."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.installation import Installation, Job
from benchmarks.provider import clock_ns
from benchmarks.simulated import Received
from trunkline_client import AsyncTrunkline

#: until the first arrival: the client connects meanwhile.
_LEAD_S: Final = 0.5
_WARMING: Final = 64


@dataclass(slots=True)
class Sent:
    """Jobs that were sent on a schedule.

    Attributes:
        due_ns: by the text of each, when it was due, by the clock that the provider notes too.
        late_ms: how late each was handed to the client; it counts against Trunkline, since latency is taken from the
            due time.
    """

    due_ns: dict[str, int] = field(default_factory=dict)
    late_ms: list[float] = field(default_factory=list)

    def latencies_ms(self, received: Sequence[Received]) -> list[float]:
        """Return how long after its due time each job reached the provider."""
        return [(each.ns - self.due_ns[each.body]) / 1e6 for each in received if each.body in self.due_ns]


def warm(installation: Installation) -> None:
    """Let the worker send some jobs, so that connections, caches and code are there; forget them at the provider."""
    provider = installation.stage.provider
    before = provider.count()
    installation.send_each(installation.jobs(_WARMING, name="warm"))
    provider.wait_for(before + _WARMING)


def send(installation: Installation, jobs: Sequence[Job], at_s: Sequence[float]) -> Sent:
    """Send each job at its time, in seconds from a start that is soon, and return when all are recorded."""
    return asyncio.run(_send(installation.stage.redis_url, jobs, at_s))


async def _send(redis_url: str, jobs: Sequence[Job], at_s: Sequence[float]) -> Sent:
    sent = Sent()
    client = AsyncTrunkline(redis_url)
    await client.status("nobody")  # connects
    start_ns = clock_ns() + int(_LEAD_S * 1e9)

    async def send_one(fields: Mapping[str, object], due_ns: int) -> None:
        sent.late_ms.append((clock_ns() - due_ns) / 1e6)
        await client.send_sms(**fields)  # type: ignore[arg-type]

    async with asyncio.TaskGroup() as group:
        for job, at in zip(jobs, at_s, strict=True):
            due_ns = start_ns + int(at * 1e9)
            sent.due_ns[str(job["body"])] = due_ns
            await asyncio.sleep(max(0.0, (due_ns - clock_ns()) / 1e9))
            group.create_task(send_one({name: job[name] for name in job if name != "channel"}, due_ns))
    await client.aclose()
    return sent
