"""Enqueueing with trunkline_client beside publishing a task with the same text.

They do not do the same: the others write one message; the client also checks the job, records it, refuses an id used
twice and keeps each tenant to its window. The comparison says what that costs a producer.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from celery import Celery

from benchmarks.installation import Stage
from benchmarks.measure import Note, Result, Stopwatch, stopwatch
from benchmarks.peers.ways import OTHERS
from benchmarks.sizes import Size
from trunkline_client import AsyncTrunkline, Trunkline

TENANTS: Final = 20
CHUNK: Final = 500
AT_A_TIME: Final = 32
WHAT: Final = "enqueue a job"
TASKIQ: Final = OTHERS[1]

Way = Callable[[Stage, float], Stopwatch]


def job(number: int) -> dict[str, Any]:
    """Return the fields of job `number`; ids are left to the client."""
    return {
        "tenant": f"tenant-{number % TENANTS}",
        "to": f"+1415555{number % 10_000:04}",
        "body": f"Your code is job-{number:07}",
    }


def measure(stage: Stage, size: Size) -> Iterator[Result]:
    """Yield rate and CPU of the producer per job for each way, in rounds; Celery is the baseline."""
    ways = dict(WAYS)
    if missing := TASKIQ.missing():
        yield Note(f"taskiq is left out: {missing}; `make bench` installs it where it can")
        ways = {name: way for name, way in ways.items() if not name.startswith("taskiq")}
    for _ in range(size.rounds):
        for name, way in ways.items():
            stage.reset()
            yield way(stage, size.seconds).measurement(WHAT, name)


def _celery(stage: Stage, seconds: float) -> Stopwatch:
    with Celery("producer", broker=stage.redis_url) as app:
        app.conf.task_ignore_result = True
        return _repeat(lambda number: app.send_task("send", (job(number)["body"],)), seconds)


def _one_by_one(stage: Stage, seconds: float) -> Stopwatch:
    with Trunkline(stage.redis_url) as client:
        return _repeat(lambda number: client.send_sms(**job(number)), seconds)


def _many(stage: Stage, seconds: float) -> Stopwatch:
    with Trunkline(stage.redis_url) as client:

        def send(first: int) -> None:
            for answer in client.send_many([{"channel": "sms", **job(first + each)} for each in range(CHUNK)]):
                if isinstance(answer, Exception):
                    raise answer

        return _repeat(send, seconds, jobs_per_call=CHUNK)


def _repeat(enqueue: Callable[[int], object], seconds: float, *, jobs_per_call: int = 1) -> Stopwatch:
    enqueue(0)  # connects, and loads the script that an empty server lacks
    with stopwatch() as watch:
        while watch.runs(seconds):
            enqueue(watch.done)
            watch.done += jobs_per_call
    return watch


def _asyncio(stage: Stage, seconds: float, *, at_a_time: int) -> Stopwatch:
    return asyncio.run(_repeat_async(stage.redis_url, seconds, at_a_time))


async def _repeat_async(redis_url: str, seconds: float, at_a_time: int) -> Stopwatch:
    client = AsyncTrunkline(redis_url)
    await client.send_sms(**job(0))

    async def enqueue(watch: Stopwatch) -> None:
        while watch.runs(seconds):
            watch.done += 1
            await client.send_sms(**job(watch.done))

    with stopwatch() as watch:
        await asyncio.gather(*(enqueue(watch) for _ in range(at_a_time)))
    await client.aclose()
    return watch


def _taskiq(stage: Stage, seconds: float, *, at_a_time: int) -> Stopwatch:
    command = [TASKIQ.interpreter, "-m", "benchmarks.peers.taskiq_enqueue", str(seconds), str(at_a_time)]
    environment = stage.environment(**TASKIQ.environment)
    ran = subprocess.run(command, env=environment, cwd=stage.folder, check=True, capture_output=True, text=True)
    return Stopwatch(**json.loads(ran.stdout))


#: the baseline comes first.
WAYS: Final[dict[str, Way]] = {
    "Celery, send_task": _celery,
    "Trunkline, send_sms": _one_by_one,
    "Trunkline, send_sms, asyncio": partial(_asyncio, at_a_time=1),
    f"the same, {AT_A_TIME} at a time": partial(_asyncio, at_a_time=AT_A_TIME),
    f"Trunkline, send_many, {CHUNK} a call": _many,
    "taskiq, kiq": partial(_taskiq, at_a_time=1),
    f"taskiq, kiq, {AT_A_TIME} at a time": partial(_taskiq, at_a_time=AT_A_TIME),
}
