"""`trunkline demo` as a person starts it: what it proves, what it prints, and what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from worker.demo.cases import SCENARIOS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(100)]

TRUNKLINE: Final = Path(sys.executable).parent / "trunkline"
#: A real installation's settings must not reach the demo.
FOREIGN: Final = {"TRUNKLINE_REDIS_URL": "redis://127.0.0.1:1/0", "TRUNKLINE_SECRET_KEYS": "not a key"}


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start `trunkline demo`; its progress is in the test's captured output."""
    return subprocess.Popen(
        [TRUNKLINE, "demo", "--json", *arguments],
        env={**os.environ, **FOREIGN},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )


def read_document(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return the JSON document as soon as the demo has printed it; it may run on."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if line == "}\n":
            break
    document: dict[str, Any] = json.loads("".join(lines))
    return document


def is_alive(pid: int) -> bool:
    """Return whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def left_behind(document: Mapping[str, Any]) -> list[str]:
    """Return what of a demo still exists: processes by name, and its folder."""
    processes = [name for name, pid in document["processes"].items() if is_alive(pid)]
    return processes + [document["folder"]] * Path(document["folder"]).exists()


@pytest.fixture(scope="module")
def ran() -> tuple[int, dict[str, Any]]:
    """The exit code and the document of one whole run."""
    with start() as process:
        document = read_document(process)
        return process.wait(30), document


@pytest.fixture
def kept() -> Iterator[subprocess.Popen[str]]:
    """A demo that stays, ended by SIGKILL if a test did not end it."""
    process = start("--keep")
    yield process
    process.kill()
    process.communicate()


def test_everything_agrees_with_the_providers_ledger(ran: tuple[int, dict[str, Any]]) -> None:
    code, document = ran

    assert [job for job in document["jobs"] if job["differences"]] == []
    assert (code, document["agreed"], document["differences"]) == (0, True, [])
    assert document["counts"]["sent"] == document["counts"]["in_the_ledger"]


def test_every_case_was_run(ran: tuple[int, dict[str, Any]]) -> None:
    _, document = ran

    assert [job["id"] for job in document["jobs"]] == [scenario.job_id for scenario in SCENARIOS]
    assert {"cancelled", "expired", "failed", "rejected", "sent"} <= document["counts"].keys()


def test_nothing_is_left_behind(ran: tuple[int, dict[str, Any]]) -> None:
    _, document = ran

    assert {"redis", "simulators", "dispatch-worker", "fallback-worker", "guard"} == document["processes"].keys()
    assert left_behind(document) == []


def test_a_kept_demo_can_be_looked_at_and_ends_with_ctrl_c(kept: subprocess.Popen[str]) -> None:
    document = read_document(kept)
    flower, broker = document["flower"], {**os.environ, "TRUNKLINE_REDIS_URL": document["redis_url"]}
    workers = f"{flower['url']}/workers"

    shown = subprocess.run(
        [TRUNKLINE, "jobs", "show", "demo.answer-lost", "--json"], env=broker, capture_output=True, check=True
    )
    without, within = httpx.get(workers), httpx.get(workers, auth=(flower["user"], flower["password"]))
    kept.send_signal(signal.SIGINT)

    assert json.loads(shown.stdout)["state"] == "sent"
    assert (without.status_code, within.status_code) == (401, 200)
    assert "dispatch-worker" in within.text
    assert (kept.wait(30), left_behind(document)) == (0, [])
