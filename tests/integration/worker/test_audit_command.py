"""`trunkline audit`, over a real Redis: listed, chosen from, followed and cut short."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from senders.audit import AuditAction, AuditEvent, FieldChange
from senders.audit_log import AuditLog
from tests.support.cli import run_cli
from tests.support.redis_server import free_port
from trunkline_client.connection import open_async

pytestmark = pytest.mark.integration

RENAMED = AuditEvent(
    actor="eve@desk",
    action=AuditAction.SENDER_UPDATED,
    tenant="acme",
    subject="own",
    changes=(FieldChange("name", "Old", "New"), FieldChange("numbers[88022]", "selected", None)),
)
DELETED = AuditEvent(actor="ops@host", action=AuditAction.SENDER_DELETED, tenant="globex", subject="own")


@pytest.fixture
async def env(redis_url: str) -> dict[str, str]:
    client = open_async(redis_url)
    await AuditLog(client).append(RENAMED, DELETED, token="t1")
    await client.aclose()
    return {"TRUNKLINE_REDIS_URL": redis_url}


def test_the_newest_event_stands_last_with_its_changes_under_it(env: dict[str, str]) -> None:
    lines = run_cli("audit", env=env).out.splitlines()

    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(time + "  eve@desk  sender.updated  acme/own", lines[0])
    assert lines[1:3] == ["    ~ name: Old -> New", "    - numbers[88022]: selected"]
    assert re.fullmatch(time + "  ops@host  sender.deleted  globex/own", lines[3])


@pytest.mark.parametrize(
    ("options", "actors"),
    [
        ((), ["eve@desk", "ops@host"]),
        (("--tenant", "acme"), ["eve@desk"]),
        (("--actor", "ops@host"), ["ops@host"]),
        (("--action", "sender.deleted"), ["ops@host"]),
        (("--limit", "1"), ["ops@host"]),
        (("--since", "1h"), ["eve@desk", "ops@host"]),
        (("--until", "2026-01-01"), []),
        (("--since", "2999-01-01T00:00Z"), []),
    ],
)
def test_options_choose_the_events_that_machines_get(
    env: dict[str, str], options: tuple[str, ...], actors: list[str]
) -> None:
    ran = run_cli("audit", "--json", *options, env=env)

    assert (ran.code, [event["actor"] for event in ran.json]) == (0, actors)


def test_a_machine_gets_every_field(env: dict[str, str]) -> None:
    (event,) = run_cli("audit", "--json", "--tenant", "acme", env=env).json

    assert event["changes"][0] == {"field": "name", "before": "Old", "after": "New"}
    assert event.keys() == {"id", "time", "actor", "action", "tenant", "subject", "changes"}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--since", "yesterday"), "must be a moment like"),
        (("--until", "999999d"), "must be a moment like"),
        (("--action", "sender.stolen"), "is not one of"),
        (("--follow", "--until", "1h"), "cannot be followed"),
        (("--limit", "0"), "is not in the range"),
        (("--actor", "\udcff"), "printable characters"),
        (("--tenant", "\udcff"), "a broken surrogate"),
    ],
)
def test_options_that_make_no_sense_are_bad_usage(env: dict[str, str], options: tuple[str, ...], problem: str) -> None:
    ran = run_cli("audit", *options, env=env)

    assert (ran.code, ran.out, problem in ran.err) == (2, "", True)


def start_following(env: dict[str, str]) -> subprocess.Popen[str]:
    command = [str(Path(sys.executable).parent / "trunkline"), "audit", "--follow", "--json"]
    return subprocess.Popen(
        command, env=os.environ | env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )


async def test_following_shows_what_was_and_what_comes_until_it_is_interrupted(env: dict[str, str]) -> None:
    with start_following(env) as process:
        assert process.stdout
        before = [json.loads(process.stdout.readline())["actor"] for _ in range(2)]
        client = open_async(env["TRUNKLINE_REDIS_URL"])
        await AuditLog(client).append(RENAMED, token="t2")
        await client.aclose()
        after = json.loads(process.stdout.readline())["actor"]
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=30)

    assert (before, after) == (["eve@desk", "ops@host"], "eve@desk")
    assert (process.returncode, rest, errors) == (0, "", "")


def test_without_redis_it_ends_with_one_line() -> None:
    env = {"TRUNKLINE_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}

    for options in ((), ("--follow",)):
        ran = run_cli("audit", *options, env=env)
        assert (ran.code, ran.out, len(ran.err.splitlines())) == (1, "", 1)
