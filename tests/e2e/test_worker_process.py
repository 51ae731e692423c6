"""How a worker process starts, refuses to start, and stops."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from cryptography.fernet import Fernet

from providers.simulators.faults import Delay, FaultKind, FaultPlan
from tests.support.redis_server import free_port
from tests.support.system import BIN, System, running
from trunkline_client import keys
from trunkline_client.message import submit_message

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("worker")) as system:
        system.apply()
        yield system


def celery(system: System, *arguments: str) -> tuple[int, str]:
    """Run `celery -A worker.app worker` that is expected to end by itself."""
    done = subprocess.run(
        [str(BIN / "celery"), "-A", "worker.app", "worker", *arguments],
        env=dict(system.environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=system.folder,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_plain_celery_runs_a_worker_on_every_queue(system: System) -> None:
    worker = system.start_worker(plain=True)
    worker.wait_ready()

    (ready,) = worker.events("worker.ready")
    assert ready["queues"] == sorted(keys.ALL_QUEUES)
    job = system.client.send_sms(tenant="acme", to="+12015553000", body="hello")
    assert system.outcome(job.id)["state"] == "sent"
    assert worker.stop() == 0


def test_sigterm_finishes_what_is_in_hand(system: System) -> None:
    slow = FaultPlan(kind=FaultKind.DELAY, recipient="+12015553001", delay=Delay(2.0))
    system.control.arm(slow)
    worker = system.start_worker("--queues", "dispatch.bulk")
    worker.wait_ready()
    job = system.client.send_sms(tenant="acme", to="+12015553001", body="hello", priority="bulk")
    while system.raw.zcard(keys.LEASES) == 0:
        time.sleep(0.02)

    code = worker.stop()

    status = system.client.status(job.id)
    assert status is not None
    assert (code, status["state"], len(system.accepted("+12015553001"))) == (0, "sent", 1)


def test_a_pool_that_grows_is_refused_in_one_line(system: System) -> None:
    code, output = celery(system, "--autoscale", "10,1")

    assert (code, "--autoscale" in output, "Traceback" in output) == (1, True, False)


def test_every_wrong_setting_is_reported_at_once(system: System) -> None:
    wrong = {"TRUNKLINE_SECRET_KEYS": "short", "TRUNKLINE_TWILIO_API_URL": "http://example.com"}

    elsewhere = replace(system, environment={**system.environment, **wrong})
    code, output = celery(elsewhere)

    assert code == 1
    assert all(name in output for name in wrong)
    assert "Traceback" not in output


@pytest.mark.parametrize("plain", [False, True], ids=["trunkline worker", "celery"])
def test_a_worker_with_the_wrong_keys_stops_before_it_takes_a_job(system: System, plain: bool) -> None:
    other = {**system.environment, "TRUNKLINE_SECRET_KEYS": Fernet.generate_key().decode()}
    worker = replace(system, environment=other, workers=[]).start_worker(plain=plain)

    code = worker.process.wait(30)

    assert (code, "TRUNKLINE_SECRET_KEYS" in worker.output, "Traceback" in worker.output) == (1, True, False)


def test_a_worker_that_waits_for_redis_still_stops_when_told_to(system: System) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    elsewhere = replace(system, environment={**system.environment, "TRUNKLINE_REDIS_URL": nowhere}, workers=[])
    worker = elsewhere.start_worker("--queues", "dispatch.bulk")
    while "redis.waiting" not in worker.output:
        time.sleep(0.05)

    assert worker.stop() == 0
    assert "Traceback" not in worker.output


def test_importing_the_app_needs_no_secrets(system: System) -> None:
    environment = {name: value for name, value in system.environment.items() if "SECRET" not in name}
    code = "from worker.app import app; print(app.conf.worker_pool)"

    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "worker.pool:DispatchPool"


def test_a_command_without_redis_says_so_and_saves_nothing(system: System) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"

    for command in (["jobs", "show", "x"], ["tenants", "list"], ["send", "--tenant", "acme", "--to", "+12015553002"]):
        done = system.run(*command, TRUNKLINE_REDIS_URL=nowhere)
        assert (done.returncode, "Traceback" in done.stderr, done.stdout) == (1, False, "")
        assert "Redis" in done.stderr


def test_an_unknown_queue_is_refused_with_the_known_ones(system: System) -> None:
    done = system.run("worker", "--queues", "dispatch.urgnet")

    assert done.returncode == 2
    assert "dispatch.urgent" in done.stderr


def test_junk_in_a_queue_does_not_end_a_worker(system: System) -> None:
    worker = system.start_worker("--queues", "dispatch.bulk")
    worker.wait_ready()
    system.raw.lpush("dispatch.bulk", "no json", '{"no": "message"}', "[]", '{"properties": {"delivery_tag": "x"}}')
    whole = submit_message({"tenant": "acme"}, "id-1", "dispatch.bulk")
    no_calls = (json.dumps({**whole, "body": body}) for body in ("5", "null", "[]"))
    system.raw.lpush("dispatch.bulk", *no_calls, "[" * 100_000)

    job = system.client.send_sms(tenant="acme", to="+12015553004", body="hello", priority="bulk")

    assert system.outcome(job.id)["state"] == "sent"
    assert len(worker.events("message.discarded")) == 8
    assert worker.stop() == 0


def test_a_fallback_does_not_wait_for_the_end_of_a_flood(system: System) -> None:
    system.refuse("+12015553005", 21408)
    system.control.arm(FaultPlan(kind=FaultKind.DELAY, recipient=None, path="*/Messages.json", delay=Delay(0.1)))
    flood = [{"tenant": "acme", "channel": "sms", "to": f"+1201556{n:04d}", "body": "x"} for n in range(200)]
    handles = system.client.send_many([{**job, "priority": "bulk"} for job in flood])
    job = system.client.send_sms(tenant="acme", to="+12015553005", body="hello")
    worker = system.start_worker("--concurrency", "4")

    assert system.outcome(job.id)["provider"] == "syniverse"

    unsent = sum(system.client.status(handle.id)["state"] == "queued" for handle in handles)  # type: ignore[union-attr,index]
    assert unsent > 100
    system.control.clear_faults()
    assert worker.stop() == 0


def test_remote_control_reaches_a_worker(system: System) -> None:
    worker = system.start_worker("--queues", "dispatch.bulk", "--name", "seen@%h")
    worker.wait_ready()

    done = subprocess.run(
        [str(BIN / "celery"), "-A", "worker.app", "inspect", "ping"],
        env=dict(system.environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert "pong" in done.stdout
    assert worker.events("message.discarded") == []
    assert worker.stop() == 0
