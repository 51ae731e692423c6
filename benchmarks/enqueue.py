"""Enqueueing with trunkline_client beside publishing a Celery task with the same fields.

The two do not do the same: Celery writes one message; the client also checks the job, records it, refuses an id used
twice and keeps each tenant to its window. The comparison says what that costs a producer.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from celery import Celery

from benchmarks.measure import Measurement, median, stopwatch
from tests.support.redis_server import RedisServer
from trunkline_client import Trunkline

TENANTS: Final = 20
CHUNK: Final = 500
ROUNDS: Final = 3
CELERY: Final = "Celery's apply_async"

Enqueue = Callable[[int], None]


def job(number: int) -> dict[str, Any]:
    """Return the fields of job `number`; ids are left to the client."""
    return {
        "tenant": f"tenant-{number % TENANTS}",
        "to": f"+1415555{number % 10_000:04}",
        "body": "Your code is 493817",
        "priority": "urgent",
    }


def measure(seconds: float) -> Iterator[Measurement]:
    """Yield rate and CPU per job for each way, the median of its rounds of `seconds` each."""
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        ways = _ways(server.url)
        rounds: dict[str, list[Measurement]] = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for way, (enqueue, jobs_per_call) in ways.items():
                server.flush()
                rounds[way].append(_measure_one(way, enqueue, jobs_per_call, seconds))
    yield from (median(measurements) for measurements in rounds.values())


def _measure_one(way: str, enqueue: Enqueue, jobs_per_call: int, seconds: float) -> Measurement:
    enqueue(0)  # connects, and loads the script the flush forgot
    with stopwatch() as watch:
        while watch.runs(seconds):
            enqueue(watch.done)
            watch.done += jobs_per_call
    return watch.measurement("enqueue a job", way)


def _ways(redis_url: str) -> dict[str, tuple[Enqueue, int]]:
    """Return each way and how many jobs one call of it enqueues; the baseline comes first."""
    celery = Celery("benchmark", broker=redis_url)
    celery.conf.task_ignore_result = True
    send = celery.task(name="send_sms")(_never_run)
    client = Trunkline(redis_url)
    return {
        CELERY: (lambda number: send.apply_async(kwargs=job(number)), 1),
        "send_sms": (lambda number: client.send_sms(**job(number)), 1),
        f"send_many, {CHUNK} at a time": (lambda number: _send_chunk(client, number), CHUNK),
    }


def _send_chunk(client: Trunkline, first: int) -> None:
    for answer in client.send_many([{"channel": "sms", **job(first + offset)} for offset in range(CHUNK)]):
        if isinstance(answer, Exception):
            raise answer


def _never_run(**fields: object) -> None:
    """Stand for a producer's task; only its publishing is measured."""
