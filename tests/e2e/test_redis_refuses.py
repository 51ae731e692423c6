"""A worker process while Redis refuses writes: it neither ends, nor loses or repeats a message."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import pytest

from providers.simulators.faults import Delay, FaultKind, FaultPlan
from tests.support.system import ACME_SID, System, running
from trunkline_client import Handle
from trunkline_client.errors import NotAccepted
from trunkline_client.message import submit_message

pytestmark = pytest.mark.e2e

JOBS = 40


def job(number: int) -> dict[str, str]:
    return {"tenant": "acme", "channel": "sms", "to": f"+1201555{5000 + number}", "body": f"text {number}"}


def wait_for_accepted(system: System, count: int) -> None:
    while len(system.control.ledger().entries) < count:
        time.sleep(0.02)


def test_a_full_redis_refuses_new_jobs_and_lets_the_recorded_ones_go_out(tmp_path: Path) -> None:
    with running(tmp_path) as system:
        system.apply()
        system.control.arm(FaultPlan(kind=FaultKind.DELAY, account=ACME_SID, delay=Delay(0.2)))
        worker = system.start_worker("--concurrency", "4")
        worker.wait_ready()
        jobs = [sent.id for sent in system.client.send_many(map(job, range(JOBS))) if isinstance(sent, Handle)]
        wait_for_accepted(system, 4)
        queue = "dispatch.normal"
        system.raw.lpush(queue, json.dumps(submit_message(job(JOBS), "submitted", queue)))
        system.raw.config_set("maxmemory", 1)

        (refused,) = system.client.send_many([job(JOBS + 1)])
        assert isinstance(refused, NotAccepted)
        assert {system.outcome(job_id)["state"] for job_id in jobs} == {"sent"}

        assert worker.process.poll() is None
        system.raw.config_set("maxmemory", 0)
        wait_for_accepted(system, JOBS + 1)
        assert set(Counter(entry.to for entry in system.control.ledger().entries).values()) == {1}


def test_a_worker_that_starts_while_redis_is_full_sends_what_is_recorded(tmp_path: Path) -> None:
    with running(tmp_path) as system:
        system.apply()
        system.start_worker().wait_ready()  # an installation that has run before
        system.workers[0].stop()
        jobs = [sent.id for sent in system.client.send_many(map(job, range(5))) if isinstance(sent, Handle)]
        system.raw.config_set("maxmemory", 1)

        worker = system.start_worker()

        assert {system.outcome(job_id)["state"] for job_id in jobs} == {"sent"}
        assert "memory" in [event["finding"] for event in worker.events("redis.unsafe")]


def test_a_redis_without_enough_replicas_is_waited_for(tmp_path: Path) -> None:
    with running(tmp_path, TRUNKLINE_LEASE_S="3") as system:
        system.apply()
        system.control.arm(FaultPlan(kind=FaultKind.DELAY, account=ACME_SID, delay=Delay(0.2)))
        worker = system.start_worker("--concurrency", "4")
        worker.wait_ready()
        jobs = [sent.id for sent in system.client.send_many(map(job, range(JOBS))) if isinstance(sent, Handle)]
        wait_for_accepted(system, 4)
        system.raw.config_set("min-replicas-to-write", 1)

        (refused,) = system.client.send_many([job(JOBS)])
        assert "too few replicas" in str(refused)
        time.sleep(2)
        system.raw.config_set("min-replicas-to-write", 0)

        assert {system.outcome(job_id)["state"] for job_id in jobs} == {"sent"}
        assert worker.process.poll() is None
        assert set(Counter(entry.to for entry in system.control.ledger().entries).values()) == {1}


def test_a_worker_that_starts_beside_a_replica_waits_until_it_is_master(tmp_path: Path) -> None:
    with running(tmp_path) as system:
        system.apply()
        system.raw.execute_command("REPLICAOF", "127.0.0.1", "1")
        worker = system.start_worker()
        while not worker.events("redis.waiting"):
            assert worker.process.poll() is None
            time.sleep(0.05)

        system.raw.execute_command("REPLICAOF", "NO", "ONE")

        worker.wait_ready()
        assert [event["finding"] for event in worker.events("redis.unsafe")].count("role") == 1
