"""`trunkline send` and `jobs` with odd input, over a real Redis and without a worker."""

from __future__ import annotations

import os
import subprocess
import sys
import time
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

    assert run_cli("jobs", "show", "order:100:sms", env=env).out.startswith("order:100:sms queued\n")


def test_a_worker_for_no_queue_is_bad_usage(env: dict[str, str]) -> None:
    assert "names no queue" in refused(run_cli("worker", "--queues", " ,", env=env), code=2)


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_full_disk_under_the_output_is_one_line(env: dict[str, str], unbuffered: str) -> None:
    command = [str(Path(sys.executable).parent / "trunkline"), "tenants", "list", "--json"]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            command,
            stdout=full,
            stderr=subprocess.PIPE,
            env=os.environ | env | {"PYTHONUNBUFFERED": unbuffered},
            check=False,
            timeout=60,
        )

    assert (ended.returncode, ended.stderr) == (1, b"trunkline: No space left on device\n")


@pytest.fixture
def four_jobs(env: dict[str, str]) -> list[str]:
    """Four jobs of two tenants; the ids, newest first."""
    ids = ["d", "c", "b", "order:100:a"]
    with Trunkline(env["TRUNKLINE_REDIS_URL"]) as trunkline:
        for number, job_id in enumerate(reversed(ids)):
            trunkline.send_many([{**JOB, "id": job_id, "tenant": f"t{number % 2}", "reference": "r 1"}])
            time.sleep(0.002)  # jobs of one millisecond are listed by their ids
        trunkline.cancel("c")
    return ids


def test_jobs_are_listed_newest_first_without_their_recipients(env: dict[str, str], four_jobs: list[str]) -> None:
    listed = run_cli("jobs", "list", "--json", env=env)

    assert [job["id"] for job in listed.json["jobs"]] == four_jobs
    assert listed.json["cursor"] is None
    assert [job["state"] for job in listed.json["jobs"]] == ["queued", "cancelled", "queued", "queued"]
    table = run_cli("jobs", "list", env=env)
    assert all(job_id in table.out for job_id in four_jobs)
    for private in ("2671", "hello"):
        assert private not in listed.out + table.out


def test_a_listing_goes_on_where_its_cursor_says(env: dict[str, str], four_jobs: list[str]) -> None:
    first = run_cli("jobs", "list", "--limit", "3", "--json", env=env).json
    rest = run_cli("jobs", "list", "--limit", "3", "--cursor", first["cursor"], "--json", env=env).json

    assert [job["id"] for job in first["jobs"] + rest["jobs"]] == four_jobs
    assert f"add --cursor {first['cursor']}" in run_cli("jobs", "list", "--limit", "3", env=env).err


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--tenant", "t0"), ["c", "order:100:a"]),
        (("--state", "CANCELLED"), ["c"]),
        (("--state", "cancelled", "--state", "held"), ["c"]),
        (("--reference", "r 1", "--until", "1h"), []),
        (("--reference", "r 1", "--since", "1h", "--limit", "1"), ["d"]),
        (("--fault", "geo"), []),
        (("--channel", "sms", "--priority", "normal", "--all"), ["d", "c", "b", "order:100:a"]),
    ],
)
def test_options_select_jobs(
    env: dict[str, str], four_jobs: list[str], options: tuple[str, ...], expected: list[str]
) -> None:
    assert len(four_jobs) == 4
    assert [job["id"] for job in run_cli("jobs", "list", *options, "--json", env=env).json["jobs"]] == expected


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--cursor", "garbage"), "must be one that an earlier listing printed"),
        (("--since", "1h", "--until", "2h"), "ends before it begins"),
        (("--since", "yesterday"), "must be a moment like"),
        (("--country", "XX"), "ISO 3166-1"),
        (("--sender", "a b"), "A-Z a-z 0-9"),
        (("--all", "--limit", "3"), "exclude each other"),
        (("--state", "lost"), "is not one of"),
    ],
)
def test_a_selection_that_cannot_be_is_bad_usage(env: dict[str, str], options: tuple[str, ...], problem: str) -> None:
    assert problem in " ".join(refused(run_cli("jobs", "list", *options, env=env), code=2).split())


def test_an_empty_listing_says_so(env: dict[str, str]) -> None:
    ran = run_cli("jobs", "list", env=env)
    assert (ran.code, ran.out, ran.err) == (0, "", "no such jobs\n")
    assert run_cli("jobs", "list", "--json", env=env).json == {"jobs": [], "cursor": None}


def test_stats_tell_who_waits_and_how_jobs_ended(env: dict[str, str], four_jobs: list[str]) -> None:
    told = run_cli("jobs", "stats", "--json", env=env).json
    (lane,) = [lane for lane in told["lanes"] if lane["in_lane"]]
    assert (lane["queue"], lane["in_lane"], lane["waiting"]) == ("dispatch.normal", len(four_jobs) - 1, 0)
    assert (told["held"], told["dead_letters"], told["ended"]["states"]) == (0, {}, {"cancelled": 1})

    out = run_cli("jobs", "stats", "--tenant", "t1", env=env).out
    assert "dispatch.normal" in out
    assert "dead letters 0\nended since" in out
    assert out.endswith(": 0\n")


def test_stats_of_an_empty_installation(env: dict[str, str]) -> None:
    ran = run_cli("jobs", "stats", env=env)
    assert ran.code == 0
    assert ran.out.startswith("nobody waits in a lane\ndelayed 0 (0 due), in hand 0, held 0\ndead letters 0\n")


def test_everything_is_one_list_whatever_pages_it_is_read_in(env: dict[str, str]) -> None:
    with Trunkline(env["TRUNKLINE_REDIS_URL"]) as trunkline:
        trunkline.send_many([{**JOB, "id": f"job-{number}"} for number in range(1001)])

    lines = run_cli("jobs", "list", "--all", env=env).out.splitlines()
    assert lines[0].split() == ["id", "tenant", "state", "why", "sender", "country", "age"]
    assert sorted(line.split()[0] for line in lines[1:]) == sorted(f"job-{number}" for number in range(1001))
    assert len(run_cli("jobs", "list", "--all", "--json", env=env).json["jobs"]) == 1001
