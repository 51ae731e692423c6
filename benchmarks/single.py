"""Single jobs: Trunkline's whole job in one worker process, beside others that do nothing but send.

All messages are queued before the worker starts, so that enqueueing takes nothing from it. Trunkline claims, decides,
chooses a number, records and sends; the others take a message and send it. Every text is verified at the provider.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Final

from benchmarks.installation import Installation, Stage
from benchmarks.measure import Measurement, Note, Result
from benchmarks.peers import sending
from benchmarks.peers.ways import BARE, CELERY, OTHERS, Way
from benchmarks.process import measured
from benchmarks.sizes import Size
from benchmarks.tenants_file import Tenants
from benchmarks.window import steady

TENANTS: Final = 20
WHAT: Final = "single jobs"
TRUNKLINE: Final = "Trunkline, the whole job"


def trunkline(stage: Stage, count: int, concurrency: int) -> Measurement:
    """Return what a worker takes for each of so many jobs of twenty tenants."""
    installation = Installation(stage, Tenants(TENANTS))
    installation.configure()
    jobs = installation.jobs(count)
    installation.send_each(jobs)
    with installation.worker(concurrency) as worker:
        measurement = steady(stage, count, WHAT, TRUNKLINE, worker)
        stage.provider.check(str(job["body"]) for job in jobs)
    return measurement


def peer(stage: Stage, way: Way, count: int, *, what: str = WHAT) -> Measurement:
    """Return what a peer's worker takes for each of so many messages."""
    stage.reset()
    environment = stage.environment(**way.environment)
    command = way.command()
    if way is BARE:
        command.append(str(count))
    else:
        fill = [way.interpreter, "-m", f"benchmarks.peers.{way.module}", str(count)]
        subprocess.run(fill, env=environment, cwd=stage.folder, check=True, capture_output=True)
    with measured(command, folder=stage.folder, environment=environment, name=way.module) as worker:
        measurement = steady(stage, count, what, way.name, worker)
        stage.provider.check(sending.bodies(count))
    return measurement


def measure(stage: Stage, size: Size) -> Iterator[Result]:
    """Yield every measurement, in rounds, so that the machine's other load meets all ways.

    Who is faster sends more: answers come in waves of as many as are in flight, which would show in a short window.
    """
    here = [way for way in (BARE, *CELERY, *OTHERS) if way.missing() is None]
    for _ in range(size.rounds):
        yield peer(stage, here[0], 4 * size.single)
        yield trunkline(stage, size.single, size.concurrency)
        for way in here[1:]:
            yield peer(stage, way, 2 * size.single)
    for way in OTHERS:
        if missing := way.missing():
            yield Note(f"{way.name} is left out: {missing}; `make bench` installs it where it can")
