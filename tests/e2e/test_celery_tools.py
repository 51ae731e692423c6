"""Celery's own tools work with the pool of a worker process: events, signals, remote control, other pools."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import Celery

from providers.simulators.faults import Delay, FaultKind, FaultPlan
from tests.support.system import System, WorkerProcess, running
from trunkline_client import keys

pytestmark = pytest.mark.e2e

#: What a tracer or an error reporter does: a module of its own that listens to Celery's signals.
HOOKS = """
import json, sys
from celery import current_task, signals
from worker.app import app

def told(signal, **said):
    sys.stdout.write(json.dumps({"event": "hook", "signal": signal, **said}) + "\\n")
    sys.stdout.flush()

@signals.task_prerun.connect(weak=False)
def prerun(task_id, task, **_):
    told("prerun", id=task_id, request=task.request.id)

@signals.task_postrun.connect(weak=False)
def postrun(task_id, task, state, **_):
    told("postrun", id=task_id, request=current_task.request.id, state=state)

@signals.task_success.connect(weak=False)
def success(sender, **_):
    told("success", id=sender.request.id)

@signals.task_failure.connect(weak=False)
def failure(task_id, exception, **_):
    told("failure", id=task_id, error=type(exception).__name__)
"""
SLOTS = 8


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("tools")) as system:
        system.apply()
        (system.folder / "hooks.py").write_text(HOOKS, encoding="utf-8")
        yield system


@pytest.fixture(scope="module")
def worker(system: System) -> WorkerProcess:
    paths = os.pathsep.join([str(system.folder), os.environ.get("PYTHONPATH", "")])
    worker = system.start_worker("--concurrency", str(SLOTS), plain=True, app="hooks", variables={"PYTHONPATH": paths})
    worker.wait_ready()
    return worker


@pytest.fixture(scope="module")
def events(system: System) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Return what the workers told of their tasks since the last call, as Flower hears it."""
    with system.raw.pubsub() as listening:
        listening.psubscribe("*celeryev*")

        def heard() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = []
            while message := listening.get_message(timeout=0.3):
                if message["type"] == "pmessage":
                    body = json.loads(base64.b64decode(json.loads(message["data"])["body"]))
                    found += body if isinstance(body, list) else [body]
            return [event for event in found if event["type"].startswith("task-")]

        heard()
        yield heard


def ask(system: System, command: str) -> Any:
    """Return the answer of the one worker to a command of remote control."""
    with Celery("tools", broker=system.redis.url, set_as_current=False) as app:
        ((answer,),) = (each.values() for each in app.control.broadcast(command, reply=True, timeout=20, limit=1))
        return answer


def hold(system: System, seconds: float) -> None:
    """Let every call to Twilio take so long."""
    plan = FaultPlan(kind=FaultKind.DELAY, recipient=None, path="*/Messages.json", delay=Delay(seconds))
    system.control.arm(plan)


def send(system: System, number: int, **fields: Any) -> str:
    return system.client.send_sms(tenant="acme", to=f"+1201555{number:04d}", body="hello", **fields).id


def leased(system: System, count: int) -> None:
    """Return when so many jobs are in hand."""
    give_up_at = time.monotonic() + 20
    while system.raw.zcard(keys.LEASES) != count:
        assert time.monotonic() < give_up_at, f"{system.raw.zcard(keys.LEASES)} of {count}"
        time.sleep(0.02)


def types(heard: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in heard]


def test_hooks_hear_of_each_task_and_find_its_request(system: System, worker: WorkerProcess) -> None:
    system.refuse("+12015554001", 21610)
    sent, failed = send(system, 4000), send(system, 4001)
    assert (system.outcome(sent)["state"], system.outcome(failed)["state"]) == ("sent", "failed")
    while len(worker.events("hook")) < 6:
        time.sleep(0.02)

    hooks: dict[str, list[dict[str, Any]]] = {sent: [], failed: []}
    for hook in worker.events("hook"):
        assert hook.get("request", hook["id"]) == hook["id"]
        hooks[hook["id"].rpartition(".")[0]].append(hook)
    assert [(each["signal"], each.get("state")) for each in hooks[sent]] == [
        ("prerun", None),
        ("success", None),
        ("postrun", "SUCCESS"),
    ]
    assert [(each["signal"], each.get("error")) for each in hooks[failed]] == [
        ("prerun", None),
        ("failure", "JobFailed"),
        ("postrun", None),
    ]


def test_what_is_in_hand_is_shown_and_told_of(
    system: System, worker: WorkerProcess, events: Callable[[], list[dict[str, Any]]]
) -> None:
    ask(system, "enable_events")  # as a Flower does that starts later
    hold(system, 2)
    job = send(system, 4010)
    leased(system, 1)
    (active,) = ask(system, "active")
    reserved, stats = ask(system, "reserved"), ask(system, "stats")
    system.control.clear_faults()

    assert (active["id"], reserved) == (f"{job}.1", [])
    assert (stats["prefetch_count"], stats["pool"]["in-hand"]) == (SLOTS, 1)
    assert system.outcome(job)["state"] == "sent"
    assert types(events()) == ["task-received", "task-started", "task-succeeded"]


def test_after_an_outage_under_load_every_slot_is_free_again(system: System, worker: WorkerProcess) -> None:
    hold(system, 0.05)
    jobs = [send(system, 5000 + n, priority=("urgent", "normal", "bulk")[n % 3]) for n in range(150)]
    leased(system, SLOTS)
    system.raw.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    for job in jobs:
        assert system.outcome(job)["state"] == "sent"

    hold(system, 3)
    held = [send(system, 6000 + n) for n in range(SLOTS + 2)]
    leased(system, SLOTS)  # and not one more, nor one less
    time.sleep(0.3)
    assert system.raw.zcard(keys.LEASES) == SLOTS
    system.control.clear_faults()
    assert {system.outcome(job)["state"] for job in held} == {"sent"}


def test_what_ends_while_a_worker_stops_is_told_of(
    system: System, worker: WorkerProcess, events: Callable[[], list[dict[str, Any]]]
) -> None:
    hold(system, 1)
    events()
    send(system, 4020)
    leased(system, 1)

    assert worker.stop() == 0

    system.control.clear_faults()
    assert types(events()) == ["task-received", "task-started", "task-succeeded"]


def test_celerys_own_pools_carry_jobs_too(system: System) -> None:
    served = {"threads": "urgent", "solo": "bulk"}
    workers = [
        system.start_worker("--pool", pool, "--concurrency", "2", "--queues", f"dispatch.{lane}", plain=True)
        for pool, lane in served.items()
    ]
    for worker in workers:
        worker.wait_ready()

    jobs = [send(system, 4030 + n, priority=lane) for lane in served.values() for n in range(3)]

    assert {system.outcome(job)["state"] for job in jobs} == {"sent"}
    for worker in workers:
        assert worker.stop() == 0
        assert "Traceback" not in worker.output
