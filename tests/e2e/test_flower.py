"""Flower tells what became of each job and nothing private, and what is done from it does no harm."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from providers.simulators.faults import Delay, FaultKind, FaultPlan
from tests.support.browser import browsing, missing
from tests.support.flower import OPEN, PASSWORD, READS, Flower, flower, wait_for
from tests.support.private_traffic import ACCEPTED, ONE, WAITING, Traffic, found_in, send_all
from tests.support.system import BIN, System, running
from trunkline_client import keys
from trunkline_client.words import JobState

pytestmark = pytest.mark.e2e

#: Where the pictures of the documents go, set by `make flower-check`; without a browser that fails then.
IMAGES = os.environ.get("FLOWER_IMAGES", "")

#: Nobody serves these before the last test asks for it.
UNSERVED = "dispatch.bulk"
SERVED = ",".join(queue for queue in keys.ALL_QUEUES if queue != UNSERVED)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("flower"), TRUNKLINE_ATTEMPT_URGENT_S="3") as system:
        system.apply()
        system.start_worker("--queues", SERVED, "--celery-loglevel", "info").wait_ready()
        yield system


@pytest.fixture(scope="module")
def shown(system: System) -> Iterator[Flower]:
    """Flower, with the right to revoke and to apply."""
    with flower(system) as running_flower:
        yield running_flower


@pytest.fixture(scope="module")
def traffic(system: System, shown: Flower) -> Traffic:
    """Jobs that end in every way, and one that waits."""
    sent = send_all(system)
    waiting(system)
    return sent


def waiting(system: System) -> str:
    """Return the id of a job whose nudge waits in the lane that nobody serves."""
    return system.client.send_sms(**{**ONE, "to": WAITING, "priority": "bulk"}).id


def lines(shown: Flower, job_id: str) -> list[tuple[str, str]]:
    """Return state and line of every nudge of a job, in order."""
    tasks = sorted((task_id, task) for task_id, task in shown.tasks().items() if task_id.startswith(f"{job_id}."))
    return [(task["state"], str(task["result"] or task["exception"])) for _, task in tasks]


def test_each_task_has_its_job_its_tenant_its_lane_and_its_line(shown: Flower, traffic: Traffic) -> None:
    assert lines(shown, traffic.accepted) == [("SUCCESS", "'sent acme-twilio'")]
    assert lines(shown, traffic.fell_back) == [
        ("SUCCESS", "'geo -> fallback.syniverse'"),
        ("SUCCESS", "'sent acme-syniverse'"),
    ]
    assert ("SUCCESS", "'sent acme-twilio (found)'") in lines(shown, traffic.lost)
    assert shown.tasks()[f"{traffic.accepted}.1"]["args"] == f"('{traffic.accepted}', 'acme', 'urgent')"


def test_a_job_that_fails_fails_its_task_with_the_name_of_the_fault(shown: Flower, traffic: Traffic) -> None:
    assert lines(shown, traffic.failed) == [("FAILURE", "JobFailed('unsubscribed')")]


def test_a_failed_task_is_one_quiet_line_and_is_not_delivered_again(system: System, traffic: Traffic) -> None:
    (line,) = [one for one in system.workers[0].output.splitlines() if "JobFailed" in one]

    assert f"Task trunkline.dispatch[{traffic.failed}.1] raised expected: JobFailed('unsubscribed')" in line
    assert "Traceback" not in line
    assert len(system.workers[0].events("job.ended")) == len({e["job"] for e in system.workers[0].events("job.ended")})
    assert not system.raw.exists("dispatch.urgent", "unacked")


def test_a_submitted_job_shows_no_arguments_and_a_bad_one_is_no_failure(shown: Flower, traffic: Traffic) -> None:
    tasks = shown.tasks()

    told = [(tasks[one]["name"], tasks[one]["state"], tasks[one]["result"]) for one in (traffic.submitted, traffic.bad)]
    assert told == [
        ("trunkline.submit", "SUCCESS", "'recorded'"),
        ("trunkline.submit", "SUCCESS", "'rejected contract'"),
    ]
    assert {tasks[one]["args"] for one in (traffic.submitted, traffic.bad)} == {"(***)"}


def test_nothing_private_is_in_any_page_or_answer(shown: Flower, traffic: Traffic) -> None:
    pages = shown.pages()

    assert {path: found for path, text in pages.items() if (found := [*found_in(text), *secrets_in(text)])} == {}
    assert sum("acme" in text for text in pages.values()) > 10
    assert all(not task["traceback"] for task in shown.tasks().values())


def secrets_in(text: str) -> list[str]:
    return [secret for secret in (PASSWORD,) if secret in text]


def test_without_a_password_there_are_metrics_and_a_sign_of_life_only(shown: Flower, traffic: Traffic) -> None:
    with httpx.Client(base_url=shown.url, trust_env=False) as stranger:
        answers = {path: stranger.get(path).status_code for path in shown.pages() if "/static/" not in path}

    assert {path for path, status in answers.items() if status == 200} == set(OPEN)
    assert {status for path, status in answers.items() if path not in (*OPEN, "/nothing-here")} == {401}


def test_the_broker_page_counts_what_waits_in_the_lanes(shown: Flower, traffic: Traffic) -> None:
    queues = shown.client.get("/api/queues/length").json()["active_queues"]

    assert {queue["name"]: queue["messages"] for queue in queues}["dispatch.urgent"] == 0
    assert shown.client.get("/broker").status_code == 200


def test_a_task_applied_again_by_hand_sends_nothing(system: System, shown: Flower, traffic: Traffic) -> None:
    before = system.control.ledger().entries

    applied = shown.post("/api/task/async-apply/trunkline.dispatch", args=[traffic.accepted, "acme", "urgent"])

    assert shown.task(applied["task-id"], "SUCCESS")["result"] == "'left finished'"
    assert system.control.ledger().entries == before


def test_revoking_what_is_being_sent_changes_nothing(system: System, shown: Flower) -> None:
    to = "+12015554090"
    system.control.arm(FaultPlan(kind=FaultKind.DELAY, delay=Delay(1.5), recipient=to, method="POST", times=1))
    job_id = system.client.send_sms(**{**ONE, "to": to}).id
    wait_for(lambda: system.raw.hget(keys.job(job_id), "open"), "an open attempt")

    shown.post(f"/api/task/revoke/{job_id}.1?terminate=true&signal=SIGKILL")

    assert system.outcome(job_id)["state"] == JobState.SENT
    assert shown.task(f"{job_id}.1", "SUCCESS")["result"] == "'sent acme-twilio'"
    assert len(system.accepted(to)) == 1


@pytest.mark.skipif(not IMAGES and bool(missing()), reason=missing())
def test_nothing_private_reaches_a_real_browser(
    system: System, shown: Flower, traffic: Traffic, tmp_path: Path
) -> None:
    images = Path(IMAGES).resolve() if IMAGES else tmp_path
    (worker,) = shown.client.get("/api/workers").json()
    with browsing(shown.url) as browser:
        pages = {"/": browser.open("/", until=f"text={worker}")}
        browser.picture(images / "flower-workers.png")
        pages["/tasks"] = browser.open("/tasks", until=f"text={traffic.failed}.1")
        browser.picture(images / "flower-tasks.png")
        rows = browser.rows()
        for task_id in shown.tasks():
            pages[task_id] = browser.open(f"/task/{task_id}")
            if task_id == f"{traffic.failed}.1":
                browser.picture(images / "flower-failed.png")
        pages["/worker"] = browser.open(f"/worker/{worker}")
        with frozen(system):
            send_more(system, 4)
            pages["/broker"] = browser.open("/broker", until="text=dispatch.urgent")
            browser.picture(images / "flower-broker.png")
        for path in READS:
            pages[path] = browser.open(path)

    assert rows[f"{traffic.failed}.1"][2:5] == ["FAILURE", "", "JobFailed('unsubscribed')"]
    assert "sent acme-twilio" in rows[f"{traffic.accepted}.1"][3]
    assert rows[f"{traffic.accepted}.1"][2] == rows[traffic.submitted][2] == rows[traffic.bad][2] == "SUCCESS"
    assert "JobFailed('unsubscribed')" in pages[f"{traffic.failed}.1"]
    assert "geo -> fallback.syniverse" in pages[f"{traffic.fell_back}.1"]
    assert traffic.accepted in str([text for url, text in browser.given.items() if "datatable" in url])
    everything = {**pages, **browser.given}
    assert {path: found for path, text in everything.items() if (found := found_in(text))} == {}
    assert browser.strange == []


@contextmanager
def frozen(system: System) -> Iterator[None]:
    """Stop the worker's process: Redis hands it one more message, and the others wait."""
    process = system.workers[0].process
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def send_more(system: System, count: int) -> None:
    system.client.send_many([{**ONE, "to": ACCEPTED}] * count)


def test_revoking_a_waiting_nudge_cancels_its_job_at_once_and_its_message_is_discarded(
    system: System, shown: Flower, traffic: Traffic
) -> None:
    revoked, retried = waiting(system), waiting(system)
    shown.post(f"/api/task/revoke/{revoked}.1")

    assert system.outcome(revoked)["state"] == JobState.CANCELLED
    assert system.raw.llen(UNSERVED) == 3

    # What waits can be served out of its turn, and is still sent once.
    shown.post("/api/task/async-apply/trunkline.dispatch", args=[retried, "acme", "bulk"])
    assert system.outcome(retried)["state"] == JobState.SENT

    (name,) = shown.client.get("/api/workers").json()
    shown.post(f"/api/worker/queue/add-consumer/{name}?queue={UNSERVED}")
    assert shown.task(f"{revoked}.1", "REVOKED")["result"] is None
    assert shown.task(f"{retried}.1", "SUCCESS")["result"] == "'left finished'"
    time.sleep(0.5)
    assert len(system.accepted(WAITING)) == 2


def test_every_worker_answers_what_became_of_the_job(system: System, traffic: Traffic) -> None:
    command = ["-A", "worker.app", "control", "--timeout", "5", "revoke", f"{traffic.accepted}.1", traffic.submitted]
    done = subprocess.run(
        [str(BIN / "celery"), *command], env=system.environment, capture_output=True, text=True, check=True
    )

    assert f"{traffic.accepted}.1: too late, its job goes on" in done.stdout
    assert f"{traffic.submitted}: discarded when it is met" in done.stdout
