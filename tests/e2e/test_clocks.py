"""Workers whose clocks are ten minutes wrong: Redis decides what time it is."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from providers.simulators.faults import Delay, FaultKind, FaultPlan
from tests.support.clocks import shifted_clock
from tests.support.system import ACME_SID, READY, System, running
from trunkline_client.message import submit_message

pytestmark = pytest.mark.e2e

TEN_MINUTES_S: Final = 600
#: of the setting `visibility_timeout` in worker.app: how long a message may stay unacknowledged.
VISIBILITY_S: Final = 120


@pytest.fixture(scope="module", params=[TEN_MINUTES_S, -TEN_MINUTES_S], ids=["ahead", "behind"])
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("clocks")) as system:
        system.apply()
        worker = system.start_worker(clock_offset_s=request.param)
        worker.wait_ready()
        (ready,) = worker.events(READY)
        wrong_by = datetime.fromisoformat(ready["timestamp"]) - datetime.now(UTC)
        assert round(wrong_by.total_seconds(), -1) == request.param
        yield system


def send(system: System, recipient: str, *, ttl: int = 300, send_at: datetime | None = None) -> str:
    send = system.client.send_sms
    return send(tenant="acme", to=recipient, body="hello", priority="urgent", ttl=ttl, send_at=send_at).id


def test_a_job_lives_as_long_as_it_was_given(system: System) -> None:
    assert system.outcome(send(system, "+12015553101"))["state"] == "sent"


def test_a_job_whose_life_ends_meanwhile_expires(system: System) -> None:
    system.refuse("+12015553102", 21408)
    system.control.arm(FaultPlan(kind=FaultKind.DELAY, recipient="+12015553102", delay=Delay(2.0)))

    assert system.outcome(send(system, "+12015553102", ttl=6))["state"] == "expired"


def test_a_scheduled_job_leaves_at_its_time(system: System) -> None:
    at = datetime.now(UTC) + timedelta(seconds=2)

    assert system.outcome(send(system, "+12015553103", send_at=at))["state"] == "sent"

    (entry,) = system.accepted("+12015553103")
    assert entry.accepted_at >= at.timestamp()


def test_a_provider_that_says_later_is_asked_again(system: System) -> None:
    system.refuse("+12015553104", 20429, 429, times=1)

    outcome = system.outcome(send(system, "+12015553104"))

    assert [attempt["fault"] for attempt in outcome["attempts"]] == ["throttled", None]
    assert outcome["account"] == ACME_SID


def test_a_message_whose_answer_is_lost_is_found(system: System) -> None:
    lost = FaultPlan(kind=FaultKind.RESET, accept_first=True, method="POST", recipient="+12015553105", times=1)
    system.control.arm(lost)

    outcome = system.outcome(send(system, "+12015553105"))

    (entry,) = system.accepted("+12015553105")
    assert (outcome["state"], outcome["provider_id"], outcome["maybe_twice"]) == ("sent", entry.provider_id, False)


def test_syniverse_is_told_the_right_end_of_a_life(system: System) -> None:
    system.refuse("+12015553106", 21408)

    outcome = system.outcome(send(system, "+12015553106"))

    assert (outcome["state"], outcome["provider"]) == ("sent", "syniverse")


def test_a_message_in_hand_is_put_back_when_redis_finds_it_old(system: System) -> None:
    now, _ = system.raw.time()
    for job_id, age_s in (("old", VISIBILITY_S + 10), ("young", VISIBILITY_S - 60)):
        job = {"tenant": "acme", "channel": "sms", "to": "+12015553107", "body": job_id}
        message = submit_message(job, job_id, "dispatch.urgent")
        system.raw.hset("unacked", job_id, json.dumps([message, "", "dispatch.urgent"]))
        system.raw.zadd("unacked_index", {job_id: now - age_s})

    while system.client.status("old") is None:
        time.sleep(0.05)

    assert system.outcome("old")["state"] == "sent"
    assert system.raw.hexists("unacked", "young")


def test_a_submitted_job_in_hand_is_dated_by_the_clock_of_redis(system: System) -> None:
    take_one = (
        "import os\nfrom worker.app import app\n"
        "os._exit(0 if app.connection_for_read().channel().basic_get('elsewhere') else 1)"
    )
    job = {"tenant": "acme", "channel": "sms", "to": "+12015553108", "body": "hello"}
    system.raw.lpush("elsewhere", json.dumps(submit_message(job, "taken", "elsewhere")))

    environment = {**system.environment, **shifted_clock(TEN_MINUTES_S)}
    subprocess.run([sys.executable, "-c", take_one], env=environment, check=True, cwd=system.folder)

    now, _ = system.raw.time()
    assert abs(system.raw.zscore("unacked_index", "taken") - now) < VISIBILITY_S
