"""Workers and Redis killed in the middle: every job ends, and no recipient gets a message twice."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from providers.simulators.faults import Delay, FaultKind, FaultPlan
from tests.support.redis_server import RedisServer
from tests.support.system import ACME_SID, System, running
from trunkline_client import keys
from trunkline_client.words import JobState

pytestmark = pytest.mark.crash

JOBS = 200


@pytest.fixture
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("crash"), TRUNKLINE_LEASE_S="3") as system:
        system.apply()
        yield system


def enqueue(system: System, count: int = JOBS) -> list[str]:
    jobs = [
        {"tenant": "acme", "channel": "sms", "to": f"+1201555{5000 + n}", "body": f"job {n}", "priority": "urgent"}
        for n in range(count)
    ]
    return [handle.id for handle in system.client.send_many(jobs) if hasattr(handle, "id")]


def wait_for_accepted(system: System, count: int) -> None:
    while len(system.control.ledger().entries) < count:
        time.sleep(0.02)


def assert_each_sent_once(system: System, job_ids: list[str]) -> None:
    states = Counter(system.outcome(job_id)["state"] for job_id in job_ids)
    assert states == {JobState.SENT: len(job_ids)}
    received = Counter(entry.to for entry in system.control.ledger().entries)
    assert set(received.values()) == {1}
    assert len(received) == len(job_ids)


def test_workers_killed_while_they_send_lose_and_repeat_nothing(system: System) -> None:
    system.control.arm(FaultPlan(kind=FaultKind.DELAY, account=ACME_SID, accept_first=True, delay=Delay(0.2)))
    job_ids = enqueue(system)

    for round_number in range(3):
        worker = system.start_worker("--queues", "dispatch.urgent", "--concurrency", "8")
        wait_for_accepted(system, 20 * (round_number + 1))
        worker.stop(signal.SIGKILL)
    system.start_worker()

    assert_each_sent_once(system, job_ids)


def test_a_worker_frozen_beyond_its_lease_does_not_send_again(system: System) -> None:
    system.control.arm(FaultPlan(kind=FaultKind.DELAY, account=ACME_SID, accept_first=True, delay=Delay(0.5)))
    job_ids = enqueue(system, 20)
    frozen = system.start_worker("--queues", "dispatch.urgent", "--concurrency", "8", "--name", "frozen@%h")
    wait_for_accepted(system, 4)
    frozen.process.send_signal(signal.SIGSTOP)
    system.start_worker("--name", "other@%h")

    time.sleep(4)
    frozen.process.send_signal(signal.SIGCONT)

    assert_each_sent_once(system, job_ids)


def test_jobs_survive_a_kill_of_redis_with_its_append_only_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(tmp_path_factory.mktemp("redis"), aof=True, TRUNKLINE_LEASE_S="3") as system:
        system.apply()
        system.control.arm(FaultPlan(kind=FaultKind.DELAY, account=ACME_SID, accept_first=True, delay=Delay(0.1)))
        system.start_worker("--concurrency", "8").wait_ready()
        job_ids = enqueue(system, 100)
        wait_for_accepted(system, 20)

        _kill_and_restart(system.redis)

        assert_each_sent_once(system, job_ids)
        assert system.workers[0].process.poll() is None


def _kill_and_restart(redis: RedisServer) -> None:
    redis.kill()
    time.sleep(1)
    redis.restart()


def test_after_all_that_no_place_holds_a_job(system: System) -> None:
    job_ids = enqueue(system, 30)
    worker = system.start_worker("--concurrency", "4")
    wait_for_accepted(system, 5)
    worker.stop(signal.SIGKILL)
    system.start_worker()

    assert_each_sent_once(system, job_ids)

    for key in (keys.LEASES, keys.DELAYED, keys.HELD, keys.DEAD):
        assert system.raw.zcard(key) == 0
