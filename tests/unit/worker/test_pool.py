"""The pool runs Celery's own tracer on the core's loop: signals, requests, results and errors are Celery's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from celery import Celery, Task, signals
from celery.app.trace import trace_task_ret
from celery.exceptions import WorkerShutdown
from kombu.asynchronous import Hub

from worker.bridge import Bridge
from worker.pool import DispatchPool

app = Celery("pool", set_as_current=False)
app.conf.update(task_ignore_result=True, task_acks_late=True)


class Bench:
    """A pool on a loop of its own, with Celery's side played by hand."""

    def __init__(self, app: Celery) -> None:
        self.app = app
        self.bridge = Bridge()
        self.bridge.start()
        self.hub: Any = Hub()  # type: ignore[no-untyped-call]  # kombu ships few types
        self.pool = DispatchPool(limit=100, app=app)
        self.pool.bridge = self.bridge  # type: ignore[misc]  # worker.app sets it on the class
        self.pool.start()
        self.pool.register_with_event_loop(self.hub)
        self.results: list[Any] = []
        self.threads: set[threading.Thread] = set()

    def apply(self, name: str, *arguments: Any, callback: Callable[[Any], None] | None = None) -> None:
        """Hand a task to the pool as a `Request` does."""
        request = {"id": f"id-{name}", "task": name, "hostname": "here", "args": arguments, "kwargs": {}}
        body: Any = (list(arguments), {}, {})
        self.pool.apply_async(
            trace_task_ret,
            args=(name, request["id"], request, body, None, None),
            kwargs={"app": self.app},
            callback=callback or self.note,
            accept_callback=lambda _pid, _time: None,
        )

    def note(self, result: Any) -> None:
        self.results.append(result)
        self.threads.add(threading.current_thread())

    def run_until(self, count: int) -> None:
        """Turn Celery's loop until `count` results have come."""
        turns = self.hub.create_loop()
        while len(self.results) < count:
            next(turns)

    def close(self) -> None:
        self.bridge.stop(asyncio.sleep(0))
        self.hub.close()


@dataclass
class ForgetfulHub:
    """A loop of Celery's that an outage resets before it calls what it was told to call."""

    is_told: threading.Event

    def call_soon(self, _: Callable[[], None]) -> None:
        self.is_told.set()


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench(app)
    yield bench
    bench.close()


def task(name: str, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Define a task; the app's own decorator has no types."""

    def define(function: Callable[..., Any]) -> Callable[..., Any]:
        app.task(name=name, **options)(function)
        return function

    return define


def wait(bench: Bench, work: Any) -> Any:
    return bench.bridge.run(work)


def test_tasks_wait_side_by_side_without_threads_and_end_on_celerys_thread(bench: Bench) -> None:
    everybody, arrived = asyncio.Event(), []

    async def arrive() -> str:
        arrived.append(threading.current_thread())
        if len(arrived) == 100:
            everybody.set()
        await everybody.wait()
        return "arrived"

    @task("arrive")
    def arriving() -> str:
        return str(wait(bench, arrive()))

    for _ in range(100):
        bench.apply("arrive")
    bench.run_until(100)

    assert {result[1] for result in bench.results} == {"'arrived'"}
    assert len(set(arrived)) == 1
    assert bench.threads == {threading.current_thread()}
    assert bench.pool.info["in-hand"] == 0


def test_a_task_has_its_own_request_and_signals_however_tasks_interleave(bench: Bench) -> None:
    seen: list[tuple[str, str]] = []

    def before(task_id: str, **_: Any) -> None:
        seen.append(("prerun", task_id))

    def after(task_id: str, state: str, **_: Any) -> None:
        seen.append((state, task_id))

    @task("first", bind=True)
    def first(self: Task) -> str:
        wait(bench, asyncio.sleep(0.02))
        return str(self.request.id)

    @task("second", bind=True)
    def second(self: Task) -> str:
        wait(bench, asyncio.sleep(0.001))
        return str(self.request.id)

    signals.task_prerun.connect(before, weak=False, dispatch_uid="before")
    signals.task_postrun.connect(after, weak=False, dispatch_uid="after")
    try:
        bench.apply("first")
        bench.apply("second")
        bench.run_until(2)
    finally:
        signals.task_prerun.disconnect(dispatch_uid="before")
        signals.task_postrun.disconnect(dispatch_uid="after")

    assert [result[1] for result in bench.results] == ["'id-second'", "'id-first'"]
    assert seen[:2] == [("prerun", "id-first"), ("prerun", "id-second")]
    assert set(seen[2:]) == {("SUCCESS", "id-second"), ("SUCCESS", "id-first")}


def test_a_task_that_fails_is_a_failure_to_celery_and_harms_no_other(bench: Bench) -> None:
    @task("fails", throws=(ValueError,))
    def fails() -> None:
        wait(bench, asyncio.sleep(0))
        raise ValueError("no")

    @task("works")
    def works() -> str:
        wait(bench, asyncio.sleep(0.01))
        return "yes"

    bench.apply("fails")
    bench.apply("works")
    bench.run_until(2)

    (failed, error, _), (failed_too, answer, _) = bench.results
    assert (failed, type(error.exception).__name__) == (1, "ValueError")
    assert (failed_too, answer) == (0, "'yes'")


def test_a_callback_of_celery_that_fails_loses_no_other(bench: Bench) -> None:
    @task("quick")
    def quick() -> None:
        pass

    def broken(_: Any) -> None:
        raise OSError("Redis is away")

    bench.apply("quick", callback=broken)
    bench.apply("quick")
    bench.run_until(1)

    assert bench.pool.info["in-hand"] == 0


def test_a_stopping_pool_waits_for_what_it_has_and_tells_celery_of_each(bench: Bench) -> None:
    @task("slow")
    def slow() -> str:
        wait(bench, asyncio.sleep(0.05))
        return "done"

    for _ in range(5):
        bench.apply("slow")
    bench.pool.stop()

    assert len(bench.results) == 5


def test_a_task_that_is_given_back_is_not_told_of_and_does_not_hold_a_stopping_pool(bench: Bench) -> None:
    @task("given-back")
    def given_back() -> None:
        wait(bench, asyncio.sleep(0))
        raise WorkerShutdown(0)

    bench.apply("given-back")
    bench.pool.stop()

    assert bench.results == []
    assert bench.pool.info["in-hand"] == 0


def test_tasks_that_ended_while_celery_was_away_are_told_when_it_listens_again(bench: Bench) -> None:
    @task("meanwhile")
    def meanwhile() -> None:
        pass

    bench.pool.register_with_event_loop(ForgetfulHub(is_told := threading.Event()))
    bench.apply("meanwhile")
    assert is_told.wait(10)
    bench.pool.register_with_event_loop(bench.hub)
    bench.run_until(1)
