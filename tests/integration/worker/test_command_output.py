"""What commands print into pipes, for machines and on terminals."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping

import pytest
from cryptography.fernet import Fernet
from redis import Redis

from senders.accounts import seal_token
from senders.document import encode
from senders.secrets import KeyRing
from tests.support.cli import Ran, run_cli
from tests.support.command_lines import every_command
from tests.support.redis_server import RedisServer
from tests.support.sender_samples import phone, tenant, twilio
from tests.support.system import BIN
from tests.support.terminal import terminal
from trunkline_client import Trunkline
from trunkline_client.private import Token

pytestmark = pytest.mark.integration

#: More of each than a pipe takes in before somebody reads it (64 KB).
TENANTS, JOBS = 800, 1_200
LONGEST = "order:2026-11-28:passcode:100:attempt-with-a-long-name"
LISTINGS = [
    "tenants list",
    "tenants list --json",
    "jobs list --all",
    "jobs list --all --json",
    "export",
    "export --json",
]
FOR_MACHINES = [
    "apply FILE --dry-run --json",
    "audit --json",
    "doctor --json",
    "explain --tenant acme --channel sms --to +14155552671 --json",
    "export acme --json",
    "jobs cancel job-1 --json",
    "jobs list --json",
    "jobs list --tenant nobody --json",
    "jobs show job-2 --json",
    "jobs stats --json",
    "policies list --tenant acme --json",
    "policies show --tenant acme --json",
    "replay job-2 --json",
    "replay --state failed --json",
    "replay --runs --json",
    "secrets rotate --json",
    "secrets status --json",
    "send --tenant acme --to +14155552671 --body hello --json",
    "senders disable own --tenant acme --dry-run --json",
    "senders list --tenant acme --json",
    "senders numbers own --tenant acme --json",
    "senders show own --tenant acme --json",
    "tenants list --json",
]
#: These need an account, a held job or a system of their own; their own tests read their JSON.
TRIED_ELSEWHERE = {
    *(
        f"senders {name}"
        for name in ("add", "consent", "countries", "enable", "refresh", "remove", "replace", "select")
    ),
    *("senders unselect", "senders verify", "policies remove", "policies reset-quota", "policies set", "jobs settle"),
    *("bench", "demo", "exporter", "simulate", "jobs watch"),
}


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """The environment of commands on an installation with many tenants and jobs."""
    key = Fernet.generate_key().decode()
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        with Redis.from_url(server.url, decode_responses=True) as redis:
            names = ["acme", *(f"tenant-with-a-long-name-{place}" for place in range(TENANTS))]
            redis.sadd("tl:tenants", *names)
            for name in names:
                sealed = seal_token(KeyRing([key]), name, "own", Token("a-token-of-somebody"))
                config = tenant(twilio(phone("+14155550100"), sealed_secret=sealed), name=name, default_chain=("own",))
                redis.hset(f"tl:config:{name}", mapping={"version": 1, "document": encode(config)})
        with Trunkline(server.url) as trunkline:
            job = {"tenant": "acme", "channel": "sms", "to": "+12015550123", "body": "hello"}
            trunkline.send_many([{**job, "id": LONGEST}, *({**job, "id": f"job-{place}"} for place in range(JOBS))])
        yield {"TRUNKLINE_REDIS_URL": server.url, "TRUNKLINE_SECRET_KEYS": key}


def run(line: str, env: Mapping[str, str], **more: str) -> Ran:
    return run_cli(*line.split(), env={**env, **more})


@pytest.mark.parametrize("line", LISTINGS)
def test_whoever_reads_only_the_first_line_ends_a_listing_quietly(line: str, env: Mapping[str, str]) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{BIN}/trunkline {line} | head -1; exit ${{PIPESTATUS[0]}}"],
        env={"PATH": os.environ["PATH"], "PYTHONIOENCODING": "utf-8", **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize("line", FOR_MACHINES)
def test_what_is_for_machines_is_one_json_document_and_nothing_else(
    line: str, env: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("file") / "tenants.yaml"
    file.write_text(run("export acme", env).out)

    ran = run(line.replace("FILE", str(file)), env, FORCE_COLOR="1")

    assert isinstance(json.loads(ran.out), dict | list), ran
    assert "Traceback" not in ran.err


def test_every_command_with_json_is_tried_here_or_elsewhere() -> None:
    with_json = {path for path, command in every_command() for one in command.params if "--json" in one.opts}
    tried = {path for path in with_json for line in FOR_MACHINES if line.startswith(f"{path} ")}
    assert with_json - tried == TRIED_ELSEWHERE


@pytest.mark.parametrize("columns", ["20", "80"])
def test_in_a_pipe_no_row_is_folded_and_nothing_is_coloured(columns: str, env: Mapping[str, str]) -> None:
    jobs = run("jobs list --all", env, COLUMNS=columns)
    tenants = run("tenants list", env, COLUMNS=columns)

    assert len([line for line in jobs.out.splitlines() if "acme" in line and "queued" in line]) >= JOBS
    assert LONGEST in jobs.out
    assert len([line for line in tenants.out.splitlines() if "own" in line]) == TENANTS + 1
    assert "\x1b" not in jobs.out + tenants.out


def test_a_terminal_gets_styles_and_no_colours_where_those_are_not_wanted(env: Mapping[str, str]) -> None:
    screens = []
    for wish in ({}, {"NO_COLOR": "1"}):
        with terminal("senders", "list", "--tenant", "acme", env={**env, **wish}) as screen:
            assert screen.end() == 0
            screens.append(screen.screen)

    assert "\x1b[1m" in screens[0]
    assert re.findall(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7])[;m]", screens[1]) == []


def test_an_error_is_one_line_on_standard_error(env: Mapping[str, str]) -> None:
    refused = run("senders list --tenant nobody", env)
    away = run("tenants list --json", env, TRUNKLINE_REDIS_URL="redis://127.0.0.1:1/0")
    misused = run("jobs show", env)

    assert [(ran.code, ran.out) for ran in (refused, away, misused)] == [(1, ""), (1, ""), (2, "")]
    assert [len(ran.err.splitlines()) for ran in (refused, away)] == [1, 1]
    assert "Error: Missing argument" in misused.err
