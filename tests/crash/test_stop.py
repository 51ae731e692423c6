"""Workers that are told to stop, in order and in a hurry, and outages of Redis: nothing is lost or sent twice."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from providers.simulators.faults import Delay, FaultKind, FaultPlan
from tests.support.system import ACME_SID, System, WorkerProcess, running
from trunkline_client import Status, keys
from trunkline_client.words import JobState

pytestmark = pytest.mark.crash

STOP_S = 1.0
TERM, INT, QUIT = signal.SIGTERM, signal.SIGINT, signal.SIGQUIT


@pytest.fixture
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("stop"), aof=True) as system:
        system.apply()
        yield system


def start(system: System, *arguments: str, stop_s: float = 20.0) -> WorkerProcess:
    """Start a worker with a limit of its own, and return when it takes messages."""
    environment = {**system.environment, "TRUNKLINE_STOP_S": str(stop_s)}
    worker = replace(system, environment=environment).start_worker(*arguments)
    worker.wait_ready()
    return worker


def slow(seconds: float) -> FaultPlan:
    return FaultPlan(kind=FaultKind.DELAY, account=ACME_SID, method="POST", delay=Delay(seconds))


def hanging(*, accept_first: bool) -> FaultPlan:
    return FaultPlan(kind=FaultKind.HANG, account=ACME_SID, method="POST", accept_first=accept_first)


def enqueue(system: System, count: int) -> list[str]:
    jobs = [
        {"tenant": "acme", "channel": "sms", "to": f"+1201555{5000 + n}", "body": f"job {n}", "priority": "urgent"}
        for n in range(count)
    ]
    return [handle.id for handle in system.client.send_many(jobs) if hasattr(handle, "id")]


def wait_for_attempts(system: System, job_ids: Sequence[str]) -> None:
    """Return when the first attempt of every job is recorded, and its call has begun."""
    while not all(system.raw.hexists(keys.job(job_id), "open") for job_id in job_ids):
        time.sleep(0.02)
    time.sleep(0.2)


def assert_each_sent_once(system: System, job_ids: Sequence[str]) -> list[Status]:
    statuses = [system.outcome(job_id) for job_id in job_ids]
    assert Counter(status["state"] for status in statuses) == {JobState.SENT: len(job_ids)}
    assert not any(status["maybe_twice"] or status["maybe_sent"] for status in statuses)
    received = Counter(entry.to for entry in system.control.ledger().entries)
    assert (set(received.values()), len(received)) == ({1}, len(job_ids))
    return statuses


def test_what_is_in_hand_is_finished_and_what_waits_stays_in_its_lane(system: System) -> None:
    system.control.arm(slow(0.5))
    job_ids = enqueue(system, 20)
    worker = start(system, "--concurrency", "8")
    wait_for_attempts(system, job_ids[:1])

    assert worker.stop() == 0

    states = Counter(system.client.status(job_id)["state"] for job_id in job_ids)  # type: ignore[index]
    assert set(states) == {"sent", "queued"}
    assert (system.raw.zcard(keys.LEASES), system.raw.hlen("unacked")) == (0, 0)
    assert worker.events("worker.gave_back") == []
    start(system)
    statuses = assert_each_sent_once(system, job_ids)
    assert {len(status["attempts"]) for status in statuses} == {1}


@pytest.mark.parametrize("accept_first", [True, False], ids=["accepted", "not accepted"])
def test_calls_that_hang_beyond_the_limit_are_looked_up_by_another_worker(system: System, accept_first: bool) -> None:
    system.control.arm(hanging(accept_first=accept_first))
    worker = start(system, stop_s=STOP_S)
    job_ids = enqueue(system, 10)
    wait_for_attempts(system, job_ids)

    assert worker.stop() == 0

    assert system.raw.zcard(keys.LEASES) == 0
    system.control.clear_faults()
    start(system)
    statuses = assert_each_sent_once(system, job_ids)
    assert {len(status["attempts"]) for status in statuses} == {1 if accept_first else 2}


@pytest.mark.parametrize(
    "signals", [(TERM, TERM), (INT, INT), (TERM, QUIT), (QUIT,)], ids=["TERM TERM", "INT INT", "TERM QUIT", "QUIT"]
)
def test_a_worker_in_a_hurry_gives_back_at_once(system: System, signals: Sequence[signal.Signals]) -> None:
    system.control.arm(hanging(accept_first=True))
    worker = start(system, stop_s=600.0)
    job_ids = enqueue(system, 5)
    wait_for_attempts(system, job_ids)

    for number in signals[:-1]:
        worker.process.send_signal(number)
        while "worker.stopping" not in worker.output:
            time.sleep(0.02)
    assert worker.stop(signals[-1]) == 0

    assert (system.raw.zcard(keys.LEASES), "Traceback" in worker.output) == (0, False)
    system.control.clear_faults()
    start(system)
    assert_each_sent_once(system, job_ids)


def test_a_rolling_restart_under_load_shows_in_nothing_but_latency(system: System) -> None:
    system.control.arm(slow(0.1))
    workers = [start(system, "--concurrency", "8", "--name", f"old-{n}@%h") for n in range(2)]
    job_ids = enqueue(system, 300)

    for number, worker in enumerate(workers):
        wait_for_entries(system, 60 * (number + 1))
        start(system, "--concurrency", "8", "--name", f"new-{number}@%h")
        assert worker.stop() == 0

    statuses = assert_each_sent_once(system, job_ids)
    assert {len(status["attempts"]) for status in statuses} == {1}


def wait_for_entries(system: System, count: int) -> None:
    while len(system.control.ledger().entries) < count:
        time.sleep(0.02)


@pytest.mark.parametrize("number", [TERM, QUIT], ids=["TERM", "QUIT"])
@pytest.mark.parametrize("frozen", [True, False], ids=["frozen", "killed"])
def test_a_worker_stops_while_redis_is_away(system: System, frozen: bool, number: signal.Signals) -> None:
    worker = start(system)
    if frozen:
        os.kill(system.redis.pid, signal.SIGSTOP)
    else:
        system.redis.kill()
        while "broker.waiting" not in worker.output:
            time.sleep(0.05)

    try:
        assert worker.stop(number) == 0
    finally:
        if frozen:
            os.kill(system.redis.pid, signal.SIGCONT)


def test_a_worker_that_starts_beside_a_frozen_redis_can_be_stopped(system: System) -> None:
    os.kill(system.redis.pid, signal.SIGSTOP)
    try:
        worker = system.start_worker("--celery-loglevel", "debug")
        while "Starting CoreStep" not in worker.output:
            time.sleep(0.05)
        assert worker.stop() == 0
    finally:
        os.kill(system.redis.pid, signal.SIGCONT)


def test_consumption_goes_on_after_an_outage_longer_than_every_wait_of_celery(system: System) -> None:
    worker = start(system)
    system.redis.kill()
    time.sleep(13)
    system.redis.restart()

    assert_each_sent_once(system, enqueue(system, 20))

    assert worker.process.poll() is None
    assert len(worker.events("broker.waiting")) == 1
    # The jobs may be through before the loops have tried again; the test's time limit ends a wait in vain.
    while not {event["loop"] for event in worker.events("upkeep.resumed")} >= {"mover", "sweeper"}:
        time.sleep(0.05)


def test_a_server_that_takes_no_writes_for_a_while_ends_no_worker(system: System) -> None:
    worker = start(system)
    system.raw.execute_command("REPLICAOF", "127.0.0.1", "1")
    while "Connection to broker lost" not in worker.output:
        time.sleep(0.05)
    system.raw.execute_command("REPLICAOF", "NO", "ONE")

    assert_each_sent_once(system, enqueue(system, 20))

    assert worker.process.poll() is None
