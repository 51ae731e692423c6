"""Keys are rotated while worker processes send, and the old key is then taken away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from cryptography.fernet import Fernet

from tests.support.system import ACME_SID, System, running
from trunkline_client import keys

pytestmark = pytest.mark.e2e

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
OPTED_OUT, REFUSED, EASY = "+12015554000", "+12015554001", "+12015554002"


@pytest.fixture
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("rotation"), TRUNKLINE_SECRET_KEYS=OLD) as system:
        system.control.opt_out(ACME_SID, OPTED_OUT)
        system.refuse(REFUSED, 21408)
        yield system


def with_keys(system: System, *ring: str) -> System:
    """Return the same system for processes that have other keys."""
    return replace(system, environment={**system.environment, "TRUNKLINE_SECRET_KEYS": ",".join(ring)})


def send(system: System, to: str, count: int) -> list[str]:
    """Enqueue jobs to one recipient."""
    jobs = [{"tenant": "acme", "channel": "sms", "to": to, "body": f"text {index}"} for index in range(count)]
    return [handle.id for handle in system.client.send_many(jobs) if hasattr(handle, "id")]


def test_keys_are_rotated_under_a_working_worker_and_the_old_one_can_go(system: System) -> None:
    system.apply()
    before = system.start_worker()
    before.wait_ready()
    failed = send(system, OPTED_OUT, 5)
    assert {system.outcome(job_id)["state"] for job_id in failed} == {"failed"}
    assert before.stop() == 0

    both = with_keys(system, NEW, OLD)
    worker = both.start_worker()
    worker.wait_ready()
    sent = send(system, EASY, 100) + send(system, REFUSED, 100)
    done = both.run("secrets", "rotate", "--json")
    sent += send(system, EASY, 20)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["resealed"] == 11  # five senders, five jobs, and the key of the counters
    assert {system.outcome(job_id)["state"] for job_id in sent} == {"sent"}
    assert json.loads(both.run("secrets", "rotate", "--json").stdout)["resealed"] == 0
    assert worker.stop() == 0

    alone = with_keys(system, NEW)
    shown = json.loads(alone.run("secrets", "status", "--json").stdout)
    last = alone.start_worker()
    last.wait_ready()
    assert (shown["keys"], shown["unreadable"]["count"]) == ([{"key": 1, "opens": 11}], 0)
    assert {system.outcome(job_id)["state"] for job_id in send(system, EASY, 5) + send(system, REFUSED, 5)} == {"sent"}
    assert system.raw.zcard(keys.HELD) == 0
    assert last.stop() == 0
