"""`jobs watch`: one job to its end, and what becomes of many."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.support.cli import run_cli
from trunkline_client import Trunkline, keys

pytestmark = pytest.mark.integration

TRUNKLINE = str(Path(sys.executable).parent / "trunkline")
JOB: dict[str, Any] = {"tenant": "acme", "to": "+14155552671", "body": "hello"}


@pytest.fixture
def env(redis_url: str) -> dict[str, str]:
    return {"TRUNKLINE_REDIS_URL": redis_url}


@pytest.fixture
def producer(redis_url: str) -> Iterator[Trunkline]:
    with Trunkline(redis_url) as trunkline:
        yield trunkline


@contextmanager
def watching(env: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [TRUNKLINE, "jobs", "watch", *arguments, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | env, text=True, bufsize=1) as process:
        yield process
        if process.poll() is None:
            process.kill()


def line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout
    read: dict[str, Any] = json.loads(process.stdout.readline())
    return read


@pytest.mark.parametrize("events", ["1000", "0"], ids=["with events", "without events"])
def test_a_job_is_watched_until_it_ends(env: dict[str, str], producer: Trunkline, events: str, redis_url: str) -> None:
    with Trunkline(redis_url) as other:
        other.send_sms(**JOB, id="job-2")
    set_events(redis_url, events)
    producer.send_sms(**JOB, id="job-1")
    with watching(env, "job-1") as process:
        assert (line(process)["state"], process.poll()) == ("queued", None)
        producer.cancel("job-2")
        producer.cancel("job-1")
        last = line(process)
        assert (last["id"], last["state"], process.wait(20)) == ("job-1", "cancelled", 1)


def set_events(redis_url: str, events: str) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.hset("tl:tuning", "events", events)


def test_the_exit_code_tells_whether_it_was_sent(env: dict[str, str], producer: Trunkline, redis_url: str) -> None:
    producer.send_sms(**JOB, id="job-1")
    with Redis.from_url(redis_url) as redis:
        redis.hset("tl:job:job-1", "state", "sent")

    ran = run_cli("jobs", "watch", "job-1", env=env)
    assert (ran.code, ran.out.split()[1:]) == (0, ["job-1", "sent"])


def test_conditions_select_what_is_shown_from_now_on_until_ctrl_c(env: dict[str, str], producer: Trunkline) -> None:
    producer.send_sms(**JOB, id="before")
    with watching(env, "--tenant", "acme", "--state", "cancelled") as process:
        seen: dict[str, Any] = {}
        while not seen:  # it begins when it has begun
            job_id = producer.send_sms(**JOB).id
            producer.send_many([{**JOB, "channel": "sms", "tenant": "globex", "id": f"{job_id}.g"}])
            producer.cancel(f"{job_id}.g")
            producer.cancel(job_id)
            time.sleep(0.1)
            seen = line(process) if has_line(process) else {}
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert (seen["kind"], seen["tenant"], seen["state"]) == ("cancelled", "acme", "cancelled")


def has_line(process: subprocess.Popen[str]) -> bool:
    assert process.stdout
    return bool(select.select([process.stdout], [], [], 0)[0])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("job-1", "--tenant", "acme"), "give either the id of a job or conditions"),
        (("--since", "1h"), "happens from now on"),
    ],
)
def test_what_cannot_be_watched_is_bad_usage(env: dict[str, str], arguments: tuple[str, ...], problem: str) -> None:
    ran = run_cli("jobs", "watch", *arguments, env=env)
    assert ran.code == 2
    assert problem in ran.err


def test_a_damaged_record_is_one_line_and_is_not_quoted(
    env: dict[str, str], producer: Trunkline, redis_url: str
) -> None:
    producer.send_sms(tenant="acme", to="+14155552671", body="hello", id="job-1")
    with Redis.from_url(redis_url) as redis:
        redis.hset(keys.job("job-1"), "state", "493817")

    ran = run_cli("jobs", "watch", "job-1", env=env)
    assert (ran.code, ran.out, ran.err) == (1, "", "trunkline: the record of job job-1 cannot be read\n")


def test_an_unknown_job_is_one_line(env: dict[str, str]) -> None:
    ran = run_cli("jobs", "watch", "nobody", env=env)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "trunkline: there is no job nobody; finished jobs are kept for a time only\n"
