"""What each choice of `TRUNKLINE_BROKER` costs a worker: for a task that does nothing, and for a whole job."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from celery import Celery

from benchmarks.measure import Measurement, Stopwatch, median
from tests.support.system import System, running
from trunkline_client import keys
from trunkline_client.message import nudge
from trunkline_client.words import Lane
from worker.settings import Broker

ROUNDS: Final = 3
TASKS: Final = 1_000
JOBS: Final = 200
QUEUE: Final = keys.dispatch_queue(Lane.BULK)
CONCURRENCY: Final = 16
#: the baseline comes first.
WAYS: Final = (Broker.STOCK, Broker.STOCK_UNACKNOWLEDGED, Broker.OWN)


def measure() -> Iterator[Measurement]:
    """Yield rate and CPU of the worker per task and per job for each way, the median of its rounds."""
    rounds: dict[tuple[str, str], list[Measurement]] = {}
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), TRUNKLINE_LOG_LEVEL="error") as system:
        system.apply()
        for turn in range(ROUNDS):
            for way in WAYS:
                for each in _measure_one(system, way, turn):
                    rounds.setdefault((each.what, each.way), []).append(each)
    yield from sorted(map(median, rounds.values()), key=lambda each: each.what)


def _measure_one(system: System, way: Broker, turn: int) -> Iterator[Measurement]:
    """Yield what one worker process takes for both kinds of work."""
    own = replace(system, environment={**system.environment, "TRUNKLINE_BROKER": way.value}, workers=[])
    worker = own.start_worker("--concurrency", str(CONCURRENCY), "--name", f"{way}{turn}@bench")
    control = Celery(broker=system.redis.url).control
    try:
        _wait(lambda: bool(control.ping([f"{way}{turn}@bench"], timeout=0.5)))
        for what, work in (("a task that does nothing", _do_nothing), ("a whole job", _send)):
            work(system, turn, 50)  # opens every connection
            with _cpu(control, f"{way}{turn}@bench") as watch:
                watch.done = work(system, turn, TASKS if work is _do_nothing else JOBS)
            yield watch.measurement(f"worker, {what}", way.value)
    finally:
        worker.stop()


@contextmanager
def _cpu(control: Any, name: str) -> Iterator[Stopwatch]:
    """Yield a stopwatch with the CPU time of the worker `name` in place of ours."""
    before = _taken_s(control, name)
    watch = Stopwatch()
    yield watch
    watch.stop()
    watch.cpu_s = _taken_s(control, name) - before


def _taken_s(control: Any, name: str) -> float:
    usage = control.inspect([name], timeout=5).stats()[name]["rusage"]
    return float(usage["utime"]) + float(usage["stime"])


def _do_nothing(system: System, _: int, count: int) -> int:
    """Let the worker run tasks without any job; Celery, its transport and our bridge are all that they cost."""
    messages = []
    for number in range(count):
        message = nudge("none", number, "acme", Lane.BULK, QUEUE, 0)
        message["headers"]["task"] = "trunkline.dispatch_many"
        message["body"] = json.dumps([[[], "acme", Lane.BULK.value], {}, None])
        messages.append(json.dumps(message))
    system.raw.lpush(QUEUE, *messages)
    _wait(lambda: not system.raw.exists(QUEUE, "unacked"))
    return count


def _send(system: System, turn: int, count: int) -> int:
    """Let the worker send jobs to simulated providers that accept at once."""
    accepted = len(system.control.ledger().entries)
    jobs = [{"tenant": "acme", "channel": "sms", "to": f"+1201555{n:04}", "body": "493817"} for n in range(count)]
    system.client.send_many([job | {"priority": "bulk", "reference": str(turn)} for job in jobs])
    _wait(lambda: len(system.control.ledger().entries) >= accepted + count)
    return count


def _wait(done: Callable[[], bool]) -> None:
    while not done():
        time.sleep(0.02)
