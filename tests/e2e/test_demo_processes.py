"""The demo's processes: each can be explained when it fails, and none outlives the demo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from worker.demo.processes import DemoFailed, DemoStopped, Processes, StopRequest

pytestmark = pytest.mark.e2e

SLEEP: Final = (sys.executable, "-c", "import time; time.sleep(60)")
#: Starts a process, says which, and waits to be killed.
KILLED: Final = """
import json, pathlib, sys, time
from worker.demo.processes import Processes, StopRequest
processes = Processes(pathlib.Path(sys.argv[1]), {}, StopRequest())
processes.start("sleeper", (sys.executable, "-c", "import time; time.sleep(60)"))
print(json.dumps(processes.pids), flush=True)
time.sleep(60)
"""


@pytest.fixture
def stop_request() -> StopRequest:
    return StopRequest()


@pytest.fixture
def processes(tmp_path: Path, stop_request: StopRequest) -> Iterator[Processes]:
    with Processes(tmp_path, {"PATH": os.environ["PATH"]}, stop_request) as running:
        yield running


def all_gone(pids: list[int], *, within_s: float = 10.0) -> bool:
    """Return whether every process ends in time; one that init has not reaped yet counts as ended."""
    give_up_at = time.monotonic() + within_s
    while time.monotonic() < give_up_at:
        command = ["ps", "-o", "stat=", "-p", ",".join(map(str, pids))]
        shown = subprocess.run(command, capture_output=True, text=True, check=False)
        if all(state.startswith("Z") for state in shown.stdout.split()):
            return True
        time.sleep(0.05)
    return False


def test_a_process_that_ends_too_early_is_named_with_the_end_of_its_log(processes: Processes) -> None:
    processes.start("worker", (sys.executable, "-c", "raise SystemExit('no settings')"))

    with pytest.raises(DemoFailed, match=r"worker ended with exit code 1\n  no settings"):
        processes.wait_for("worker", lambda: None)


def test_a_command_that_fails_is_named_with_the_end_of_its_log(processes: Processes) -> None:
    with pytest.raises(DemoFailed, match=r"apply failed with exit code 1\n  refused"):
        processes.run("apply", (sys.executable, "-c", "raise SystemExit('refused')"))


def test_a_demo_that_is_to_stop_waits_for_nothing(processes: Processes, stop_request: StopRequest) -> None:
    stop_request()

    with pytest.raises(DemoStopped):
        processes.run("sleeper", SLEEP)


def test_processes_end_with_their_block(tmp_path: Path) -> None:
    with Processes(tmp_path, {}, StopRequest()) as running:
        running.start("sleeper", SLEEP)
        pids = list(running.pids.values())

    assert all_gone(pids)


def test_a_killed_demo_takes_its_processes_along(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        pids = json.loads(demo.stdout.readline())
        demo.kill()

    assert all_gone(list(pids.values()))
