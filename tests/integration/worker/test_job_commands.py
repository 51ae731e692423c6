"""`trunkline send` and `jobs` with odd input, over a real Redis and without a worker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli import Ran, run_cli
from trunkline_client import Trunkline
from trunkline_client.limits import MOST_JOB_BYTES

pytestmark = pytest.mark.integration

SEND = ("send", "--tenant", "acme", "--to", "+14155552671")
JOB = {"channel": "sms", "tenant": "acme", "to": "+14155552671", "body": "hello"}


@pytest.fixture
def env(redis_url: str) -> dict[str, str]:
    return {"TRUNKLINE_REDIS_URL": redis_url, "COLUMNS": "80"}


def refused(ran: Ran, code: int) -> str:
    """Return the message of a command that failed cleanly."""
    assert (ran.code, ran.out) == (code, "")
    return ran.err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("jobs", "show", "\udcff"), "a broken surrogate"),
        (("jobs", "show", ""), "must be 1 to 64 of"),
        (("jobs", "cancel", "a/b"), "must be 1 to 64 of"),
        (("send", "--tenant", "\udcff", "--to", "+14155552671", "--body", "x"), "a broken surrogate"),
    ],
)
def test_a_name_that_no_job_can_have_is_bad_usage(
    env: dict[str, str], arguments: tuple[str, ...], problem: str
) -> None:
    assert problem in refused(run_cli(*arguments, env=env), code=2)


@pytest.mark.parametrize(
    ("stdin", "problem"),
    [(b"\xff\xfe", "is not UTF-8"), (b"x" * (MOST_JOB_BYTES + 1), "longer than any message")],
    ids=["not text", "endless"],
)
def test_a_body_on_standard_input_that_no_message_can_have_is_bad_usage(
    env: dict[str, str], stdin: bytes, problem: str
) -> None:
    assert problem in refused(run_cli(*SEND, env=env, stdin=stdin), code=2)


def test_a_job_for_a_tenant_without_configuration_is_not_enqueued(env: dict[str, str]) -> None:
    assert "there is no tenant acme" in refused(run_cli(*SEND, env=env, stdin=b"hello"), code=1)


def test_a_job_id_is_shown_as_it_is(env: dict[str, str]) -> None:
    with Trunkline(env["TRUNKLINE_REDIS_URL"]) as trunkline:
        trunkline.send_many([{**JOB, "id": "order:100:sms"}])

    assert run_cli("jobs", "show", "order:100:sms", env=env).out == "order:100:sms queued\n"


def test_a_worker_for_no_queue_is_bad_usage(env: dict[str, str]) -> None:
    assert "names no queue" in refused(run_cli("worker", "--queues", " ,", env=env), code=2)


def test_a_full_disk_under_the_output_is_one_line(env: dict[str, str]) -> None:
    command = [str(Path(sys.executable).parent / "trunkline"), "tenants", "list", "--json"]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, env=os.environ | env, check=False, timeout=60
        )

    assert (ended.returncode, ended.stderr) == (1, b"trunkline: No space left on device\n")
