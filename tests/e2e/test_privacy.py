"""Nothing private leaves: not in logs, not in the broker, not in the journal after sending, not in Flower."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any, Self

import httpx
import pytest

from providers.simulators.faults import FaultKind, FaultPlan
from tests.support.redis_server import free_port
from tests.support.system import ACME_SID, BIN, TOKENS, WAIT_S, System, running
from trunkline_client import keys
from trunkline_client.message import submit_message

pytestmark = pytest.mark.e2e

#: A recipient, a body and a code found nowhere else, for every way through the worker.
ACCEPTED, REFUSED, LOST, REJECTED, SUBMITTED, FAILED = (f"+1201555400{digit}" for digit in range(6))
WORDS = "marmalade zeppelin"
CODE = "770419"
BODY = f"{WORDS} {CODE}"
SUBMITTED_BODY = f"submitted {BODY}"
SECRETS = [WORDS, CODE, "2015554", *TOKENS.values()]


class BrokerTap:
    """Keeps every command Redis was given, except those that carry content on purpose."""

    def __init__(self, system: System) -> None:
        self.commands: list[str] = []
        self._monitor = system.raw.monitor()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._monitor.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._monitor.connection.disconnect()

    def _listen(self) -> None:
        try:
            for command in self._monitor.listen():
                self.commands.append(command["command"])
        except (OSError, ValueError):
            return


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("privacy"), TRUNKLINE_ATTEMPT_URGENT_S="3") as system:
        system.apply()
        system.start_worker("-l", "DEBUG", plain=True).wait_ready()
        yield system


@pytest.fixture(scope="module")
def flower(system: System) -> Iterator[httpx.Client]:
    """Flower as an operator starts it, with a client that may ask its API."""
    port = free_port()
    log = system.folder / "flower.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(BIN / "celery"), "-A", "worker.app", "flower", "--address=127.0.0.1", f"--port={port}"],
            env={**system.environment, "FLOWER_BASIC_AUTH": "op:pw"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=system.folder,
        )
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", auth=("op", "pw"), trust_env=False)
    try:
        _wait_for(client)
        yield client
    finally:
        client.close()
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _wait_for(flower: httpx.Client) -> None:
    give_up_at = time.monotonic() + WAIT_S
    while True:
        try:
            if flower.get("/api/workers?refresh=1").json():
                return
        except httpx.TransportError:
            assert time.monotonic() < give_up_at
        time.sleep(0.2)


@pytest.fixture(scope="module")
def traffic(system: System, flower: httpx.Client) -> list[str]:
    """Jobs through every way of the worker; returns the commands Redis saw meanwhile."""
    system.refuse(REFUSED, 21408)
    system.control.opt_out(ACME_SID, FAILED)
    system.control.arm(FaultPlan(kind=FaultKind.RESET, accept_first=True, recipient=LOST, method="POST", times=1))
    with BrokerTap(system) as tap:
        one = {"tenant": "acme", "channel": "sms", "body": BODY, "priority": "urgent"}
        jobs: list[dict[str, Any]] = [{**one, "to": to} for to in (ACCEPTED, REFUSED, LOST, FAILED)]
        jobs.append({**one, "to": ACCEPTED, "channel": "voice", "user": WORDS, "metadata": {"note": WORDS}})
        handles = [handle for handle in system.client.send_many(jobs) if hasattr(handle, "id")]
        task_id = str(uuid.uuid4())
        system.submit({**one, "to": SUBMITTED, "body": SUBMITTED_BODY}, task_id, "dispatch.urgent")
        bad_id = str(uuid.uuid4())
        system.submit({**one, "to": f"{REJECTED}1234567", "body": SUBMITTED_BODY}, bad_id, "dispatch.urgent")
        # A producer's slip of the pen: Celery would print the whole message.
        mistaken = submit_message(
            {**one, "to": SUBMITTED, "body": SUBMITTED_BODY}, str(uuid.uuid4()), "dispatch.urgent"
        )
        mistaken["headers"]["task"] = "trunkline.sumbit"
        system.raw.lpush("dispatch.urgent", json.dumps(mistaken), json.dumps({"not": SUBMITTED_BODY}), SUBMITTED_BODY)
        for job_id in (*(handle.id for handle in handles), task_id, bad_id):
            system.outcome(job_id)
        time.sleep(1.0)
    return tap.commands


def found_in(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


def test_nothing_private_is_in_the_output_of_a_worker_at_its_most_talkative(system: System, traffic: list[str]) -> None:
    output = system.workers[0].output

    assert "attempt.finished" in output
    assert "was discarded" in output
    assert "DEBUG" in output or "debug" in output
    assert found_in(output) == []


def test_nothing_private_is_in_what_the_broker_carries(system: System, traffic: list[str]) -> None:
    carried = [
        command
        for command in traffic
        if SUBMITTED_BODY not in command and not command.startswith(("EVALSHA", "EVAL ", "HSET tl:job:"))
    ]

    assert any(command.startswith("PUBLISH") for command in carried)
    assert found_in("\n".join(carried)) == []


def test_after_sending_nothing_private_is_left_in_redis(system: System, traffic: list[str]) -> None:
    contents = system.redis_contents()

    assert "tl:job:" in contents
    assert found_in(contents) == []


def test_nothing_private_is_in_flowers_pages_or_api(traffic: list[str], flower: httpx.Client) -> None:
    tasks = flower.get("/api/tasks?limit=1000").json()
    pages = [flower.get(path).text for path in ("/", "/tasks", "/broker", "/api/workers?refresh=1")]
    details = [flower.get(f"/api/task/info/{task_id}").text for task_id in tasks]

    assert {task["name"] for task in tasks.values()} >= {"trunkline.dispatch", "trunkline.submit"}
    assert any(task["args"] and "'acme', 'urgent')" in task["args"] for task in tasks.values())
    assert found_in(json.dumps(tasks) + "".join(pages) + "".join(details)) == []


def test_a_failed_job_keeps_its_content_sealed(system: System, traffic: list[str]) -> None:
    (job_id,) = system.raw.zrange(keys.DEAD, 0, -1)

    content = system.raw.hget(keys.job(job_id), "content")

    assert content
    assert not content.startswith("plain:")
