"""`trunkline replay` by filters, from a pipe, interrupted and resumed, as an operator runs it."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from senders.model import CountryLimit, Policy, TenantConfig
from senders.store import ConfigStore, Replacement
from tests.support.cli import Ran, run_cli
from tests.support.failures import fail, failure
from tests.support.flow import config
from tests.support.immediate import immediate
from tests.support.immediate import run as run_now
from tests.support.journal import TextRedis
from trunkline_client import keys
from trunkline_client.connection import open_sync
from trunkline_client.words import JobState

pytestmark = pytest.mark.integration


@pytest.fixture
def env(redis_url: str) -> dict[str, str]:
    return {"TRUNKLINE_REDIS_URL": redis_url, "TRUNKLINE_ACTOR": "ops@x", "COLUMNS": "120"}


@pytest.fixture
def now(redis_url: str, redis: TextRedis) -> Iterator[TextRedis]:
    del redis  # it empties the database
    client = open_sync(redis_url)
    yield immediate(client)
    client.close()


def configure(now: TextRedis, tenant: TenantConfig) -> None:
    run_now(ConfigStore(now).replace({tenant.tenant: Replacement.of(None, tenant)}, token="t"))


def failed(now: TextRedis, jobs: int, **more: object) -> None:
    run_now(fail(now, *(failure(number, **more) for number in range(jobs))))


def told(ran: Ran, code: int) -> str:
    assert (ran.code, ran.out) == (code, "")
    return ran.err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["job-1", "--tenant", "acme"], "give one of these"),
        (["--resume", "r", "--runs"], "give one of these"),
        (["--unknown", "--yes"], "say which jobs"),
        (["--state", "sent"], "only failed, expired and held jobs"),
        (["--state", "failed", "--rate", "0"], "--rate"),
        (["--state", "failed", "--limit", "0"], "--limit"),
        (["--state", "failed", "--via", "no/such key"], "--via"),
        (["--state", "failed", "--priority", "soon"], "--priority"),
        (["--state", "failed", "--follow"], "goes with --yes"),
        (["--resume", "r", "--ttl", "10m", "--yes"], "leave out --ttl"),
        (["no/id"], "ID"),
    ],
)
def test_bad_usage_is_told_before_anything_is_done(env: dict[str, str], arguments: list[str], problem: str) -> None:
    assert problem in told(run_cli("replay", *arguments, env=env), 2)


def test_a_filter_shows_what_would_happen_and_to_whom(env: dict[str, str], now: TextRedis) -> None:
    configure(now, config())
    failed(now, 25)
    run_now(fail(now, *(failure(100 + n, fault="geo", channel="voice") for n in range(3)), opted_out=("job-00100",)))

    shown = run_cli("replay", "--tenant", "acme", env=env)

    assert shown.code == 0
    assert "│ 25   │ acme   │ sms     │ US      │ auth │ acme-twilio, then acme-syniverse │" in shown.out
    assert shown.out.splitlines()[-5:] == [
        "they were: auth 25, geo 2",
        "they go first to: acme-twilio 27",
        "1 refused: the recipient opted out",
        "28 selected: 27 would be requeued, 1 refused",
        "Nothing was done: this only shows. --yes does it.",
    ]
    assert run_now(now.zcard(keys.DEAD)) == 28


def test_what_would_be_rejected_shows(env: dict[str, str], now: TextRedis) -> None:
    configure(now, config(policy=Policy("default", country_limit=CountryLimit(deny=frozenset({"US"})))))
    failed(now, 1)

    ran = run_cli("replay", "--fault", "auth", "--json", env=env)

    assert (ran.code, ran.json["requeued"]) == (0, 0)
    assert [group["then"] for group in ran.json["groups"]] == ["rejected (country)"]


def test_a_filter_takes_failed_jobs_unless_it_names_others(env: dict[str, str], now: TextRedis) -> None:
    failed(now, 2)
    run_now(fail(now, failure(8, state=JobState.EXPIRED, fault=None)))

    both = run_cli("replay", "--state", "expired", "--state", "failed", "--ttl", "10m", "--json", env=env)
    plain = run_cli("replay", "--country", "US", "--yes", "--json", env=env)

    assert (both.json["selected"], plain.json) == (3, {"refused": [], "selected": 2, "requeued": 2})
    assert run_now(now.zcard(keys.ended(JobState.EXPIRED))) == 1


def test_a_filter_that_selects_nothing_says_so(env: dict[str, str], now: TextRedis) -> None:
    for more in ([], ["--yes"]):
        ran = run_cli("replay", "--tenant", "nobody", *more, env=env)
        assert (ran.code, ran.out.startswith("no such jobs")) == (0, True)
    as_json = run_cli("replay", "--tenant", "nobody", "--yes", "--json", env=env)
    assert as_json.json == {"refused": [], "selected": 0, "requeued": 0}


def test_ids_come_from_a_pipe(env: dict[str, str], now: TextRedis) -> None:
    failed(now, 3)

    ran = run_cli("replay", "-", "job-00002", "--yes", env=env, stdin=b"job-00000\njob-00002\n\n")

    assert ran.code == 0
    assert ran.out.splitlines()[:2] == ["job-00002 queued", "job-00000 queued"]
    assert run_cli("replay", "-", "--yes", env=env).code == 0


def test_what_is_no_text_is_no_list_of_ids(env: dict[str, str]) -> None:
    assert "it is not text in UTF-8" in told(run_cli("replay", "-", env=env, stdin=b"job-1\n\xff\xfe\n"), 2)


def test_a_moment_that_has_no_time_in_utc_is_bad_usage(env: dict[str, str]) -> None:
    arguments = ("jobs", "stats", "--since", "9999-12-31T23:59-10:00")
    assert "must be a moment" in told(run_cli(*arguments, env=env), 2)


def test_a_sender_nobody_has_refuses_every_job(env: dict[str, str], now: TextRedis) -> None:
    configure(now, config())
    failed(now, 2)

    refused = run_cli("replay", "--tenant", "acme", "--via", "other", "--yes", "--json", env=env)
    shown = run_cli("replay", "--tenant", "acme", "--via", "acme-syniverse", "--json", env=env)

    assert (refused.code, refused.json["requeued"]) == (1, 0)
    assert {one["reason"] for one in refused.json["refused"]} == {"its tenant cannot send over other (unknown_sender)"}
    assert [group["then"] for group in shown.json["groups"]] == ["acme-syniverse"]


def test_a_run_is_listed_and_resumed_under_the_id_it_told(env: dict[str, str], now: TextRedis) -> None:
    failed(now, 2)
    which = ("--tenant", "acme", "--since", "2020-01-01T00:00+02:00", "--limit", "1")
    ran = run_cli("replay", *which, "--priority", "bulk", "--ttl", "10m", "--yes", env=env)
    run_id = ran.err.removeprefix("replay ").strip()

    assert ran.out == f"replay {run_id}: 1 selected, 1 requeued, 0 refused\n"
    (listed,) = run_cli("replay", "--runs", "--json", env=env).json
    assert (listed["run"], listed["over"], listed["requeued"], listed["actor"]) == (run_id, True, 1, "ops@x")
    assert listed["asked"] == {
        "tenant": "acme",
        "state": "failed",
        "since": "2019-12-31T22:00:00Z",
        "limit": "1",
        "ttl": "600s",
        "priority": "bulk",
    }
    assert run_id in run_cli("replay", "--runs", env=env).out
    assert "It has come to its end." in run_cli("replay", "--resume", run_id, env=env).out
    again = run_cli("replay", "--resume", run_id, "--yes", env=env)
    assert (again.code, again.out) == (0, ran.out)
    assert run_now(now.hget(keys.job("job-00001"), "replayed_by")) == run_id


def test_the_progress_bar_on_a_terminal_leaves_the_output_alone(env: dict[str, str], now: TextRedis) -> None:
    run_now(fail(now, *map(failure, range(250)), opted_out=("job-00100",)))
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "wb") as terminal:
        done = subprocess.run(
            [Path(sys.executable).parent / "trunkline", "replay", "--state", "failed", "--yes", "--json"],
            env={**env, "TERM": "xterm"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=terminal,
            timeout=60,
            check=False,
        )
        shown = os.read(ours, 1 << 16)
    os.close(ours)

    assert json.loads(done.stdout) == {
        "refused": [{"id": "job-00100", "reason": "the recipient opted out"}],
        "selected": 250,
        "requeued": 249,
    }
    assert b"250/250" in shown


def test_who_stops_reading_is_told_how_to_go_on(env: dict[str, str], now: TextRedis) -> None:
    failed(now, 3)
    theirs, ours = os.pipe()
    os.close(theirs)

    command: list[str | Path] = [
        Path(sys.executable).with_name("trunkline"),
        "replay",
        "job-00000",
        "job-00001",
        "--yes",
    ]
    done = subprocess.run(command, stdout=ours, stderr=subprocess.PIPE, env=env, timeout=30, check=False)
    os.close(ours)

    assert done.returncode == 1
    (run_id,) = re.findall(r"was interrupted; to go on: trunkline replay --resume (\w+) --yes", done.stderr.decode())
    assert f"replay {run_id}: 2 selected, 2 requeued" in run_cli("replay", "--resume", run_id, "--yes", env=env).out


def test_a_run_that_never_was_is_told_in_one_line(env: dict[str, str], now: TextRedis) -> None:
    assert "there is no replay abc" in told(run_cli("replay", "--resume", "abc", "--yes", env=env), 1)
