"""A worker's metrics and health, asked over HTTP while it sends, loses Redis and stops."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from providers.simulators.faults import Delay, FaultKind, FaultPlan
from tests.support.system import ACME_SID, TOKENS, WAIT_S, System, WorkerProcess, running

pytestmark = pytest.mark.e2e

REFUSED, REVOKED, FINE, SLOW = (f"+1201555410{digit}" for digit in range(4))
CODE = "661502"
PRIVATE = [CODE, "2015554", "job-of-", "user-17", ACME_SID, "acme-twilio", *TOKENS.values()]


@pytest.fixture
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("metrics"), TRUNKLINE_METRICS_PORT="0") as system:
        system.apply()
        yield system


def address(worker: WorkerProcess) -> str:
    (serving,) = worker.events("metrics.serving")
    return f"http://{serving['host']}:{serving['port']}"


def health(at: str, path: str = "/readyz") -> tuple[int, list[str]]:
    answer = httpx.get(at + path)
    return answer.status_code, answer.json()["problems"]


def wait_for(what: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + WAIT_S
    while not what():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def samples(page: str) -> dict[str, float]:
    """Return every sample by its name and the values of its labels, which the page has in the order of their names."""
    return {
        " ".join((sample.name.removeprefix("trunkline_"), *sample.labels.values())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def test_a_worker_tells_what_it_does_and_nothing_private(system: System) -> None:
    worker = system.start_worker()
    worker.wait_ready()
    at = address(worker)
    system.refuse(REFUSED, 21211)
    system.refuse(REVOKED, 20003, status=401)
    for number, recipient in enumerate((FINE, REFUSED, REVOKED)):
        job = system.client.send_sms(
            id=f"job-of-{number}", tenant="acme", to=recipient, body=f"Your code is {CODE}", user="user-17"
        )
        assert system.outcome(job.id)["state"] == "sent"

    page = httpx.get(f"{at}/metrics").text
    told = samples(page)

    assert told["attempts_total sms none accepted twilio"] == 1
    assert told["attempts_total sms recipient refused twilio"] == 1
    assert told["attempts_total sms auth refused twilio"] == 1
    assert (told["jobs_sent_total own acme"], told["jobs_sent_total fallback acme"]) == (1, 2)
    assert told["queue_wait_seconds_count normal fallback.syniverse"] == 2
    assert told["jobs_ended_total none none sent"] == 3
    assert (told["ready"], told["jobs_in_hand"]) == (1, 0)
    assert {"progress_age_seconds consumer", "progress_age_seconds mover", "event_loop_lag_seconds"} <= told.keys()
    assert [text for text in PRIVATE if text in page] == []
    assert (health(at), health(at, "/livez")) == ((200, []), (200, []))


def test_a_worker_without_redis_lives_and_is_not_ready_until_it_is_back(system: System) -> None:
    worker = system.start_worker()
    worker.wait_ready()
    at = address(worker)
    system.redis.kill()
    wait_for(lambda: health(at)[0] == 503)

    assert "Redis has not answered" in health(at)[1][0]
    assert health(at, "/livez")[0] == 200
    system.redis.start()
    wait_for(lambda: health(at)[0] == 200)


def test_a_worker_that_stops_says_so_while_it_finishes_what_it_has(system: System) -> None:
    system.control.arm(FaultPlan(kind=FaultKind.DELAY, recipient=SLOW, delay=Delay(2.0)))
    worker = system.start_worker("--concurrency", "2")
    worker.wait_ready()
    at = address(worker)
    system.client.send_sms(tenant="acme", to=SLOW, body="hello")
    wait_for(lambda: samples(httpx.get(f"{at}/metrics").text)["jobs_in_hand"] == 1)
    assert samples(httpx.get(f"{at}/metrics").text)["job_slots"] == 2
    worker.process.send_signal(signal.SIGTERM)
    wait_for(lambda: health(at)[0] == 503)

    assert health(at) == (503, ["it is stopping"])
    assert health(at, "/livez")[0] == 200
    assert worker.stop(0) == 0


def test_a_second_worker_on_the_same_port_ends_with_one_line(system: System) -> None:
    worker = system.start_worker()
    worker.wait_ready()
    port = address(worker).rpartition(":")[2]
    second = system.start_worker(variables={"TRUNKLINE_METRICS_PORT": port})

    assert second.process.wait(30) == 1
    (line,) = [line for line in second.output.splitlines() if line.startswith("trunkline: ")]
    assert f"TRUNKLINE_METRICS_PORT: cannot listen on 127.0.0.1 port {port}" in line
    assert "Traceback" not in second.output


def test_a_worker_without_a_port_serves_nothing(system: System) -> None:
    worker = system.start_worker(variables={"TRUNKLINE_METRICS_PORT": ""})
    worker.wait_ready()

    assert json.dumps(worker.events("metrics.serving")) == "[]"
