from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from providers.simulators.control import ControlFailed, SimulatorControl
from providers.simulators.default_world import FULL_SID, LOCAL_NUMBER, TWILIO_TOKEN, default_world
from providers.simulators.faults import FaultKind, FaultPlan
from providers.simulators.server import CannotListen, listen, start
from providers.simulators.world import World
from tests.support.simulator import Simulator, simulator

pytestmark = pytest.mark.integration

MESSAGES = f"/2010-04-01/Accounts/{FULL_SID}/Messages.json"
SMS = {"To": "+12015550123", "From": LOCAL_NUMBER, "Body": "Hello"}
COMMAND = [sys.executable, "-c", "from worker.cli.main import main; main()", "simulate"]


def send(base_url: str) -> httpx.Response:
    return httpx.post(f"{base_url}{MESSAGES}", data=SMS, auth=(FULL_SID, TWILIO_TOKEN), timeout=10, trust_env=False)


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([*COMMAND, "--port", "0", *arguments], stdout=subprocess.PIPE, text=True) as running:
        yield running
        running.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_says_where_it_listens_and_leaves_cleanly_on_a_signal(number: signal.Signals) -> None:
    with process("--json") as running:
        assert running.stdout is not None
        base_url = json.loads(running.stdout.readline())["base_url"]
        assert send(base_url).status_code == 201
        running.send_signal(number)
        assert running.wait(20) == 0


def test_the_line_for_people_names_every_setting() -> None:
    with process() as running:
        assert running.stdout is not None
        line = running.stdout.readline()
    for setting in ("TRUNKLINE_TWILIO_API_URL", "TRUNKLINE_TWILIO_MESSAGING_URL", "TRUNKLINE_SYNIVERSE_API_URL"):
        assert f"{setting}=http://127.0.0.1:" in line


def test_the_command_serves_the_world_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    file.write_text(json.dumps(World().as_json()), encoding="utf-8")
    with process("--json", "--world", str(file)) as running:
        assert running.stdout is not None
        assert send(json.loads(running.stdout.readline())["base_url"]).status_code == 401


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [(["--host", "192.0.2.1"], "can be reached from other machines"), (["--host", "simulators"], "is no IP address")],
)
def test_a_host_nobody_should_use_is_one_line_and_exit_1(arguments: list[str], problem: str) -> None:
    ended = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert problem in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_broken_world_file_is_one_line_and_exit_1(tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    file.write_text('{"planets": []}', encoding="utf-8")
    ended = subprocess.run([*COMMAND, "--world", file], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)


def test_without_the_extra_the_command_names_it() -> None:
    hide = "import sys; sys.modules['starlette'] = sys.modules['uvicorn'] = None; "
    command = [COMMAND[0], COMMAND[1], hide + COMMAND[2], COMMAND[3]]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "./client '.[simulators]'" in ended.stderr


def test_a_taken_port_is_a_clear_error() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(CannotListen, match="Address already in use"):
        listen("127.0.0.1", taken.getsockname()[1])


def test_answers_are_not_held_back_by_the_kernel() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_stopping_waits_for_no_hanging_request() -> None:
    running = start()
    with running.control() as control:
        control.arm(FaultPlan(kind=FaultKind.HANG))

    def call() -> None:
        with pytest.raises(httpx.HTTPError):
            send(running.base_url)

    caller = threading.Thread(target=call)
    caller.start()
    while not running.simulation.ledger.requests:
        time.sleep(0.01)
    running.stop()
    caller.join(10)
    assert not caller.is_alive()


def test_the_control_client_changes_the_world_and_back(simulators: Simulator) -> None:
    simulators.control.revoke_token(FULL_SID)
    assert send(simulators.base_url).status_code == 401
    simulators.control.use(default_world())
    assert send(simulators.base_url).status_code == 201
    assert simulators.control.world() == default_world()


def test_the_control_client_releases_opts_out_and_suspends(simulators: Simulator) -> None:
    simulators.control.opt_out(FULL_SID, "+12015550123")
    assert send(simulators.base_url).json()["code"] == 21610
    simulators.control.release_number(FULL_SID, LOCAL_NUMBER)
    assert send(simulators.base_url).json()["code"] == 21659
    simulators.control.suspend(FULL_SID)
    assert send(simulators.base_url).json()["code"] == 20003


def test_the_control_client_reads_the_ledger_from_where_it_left_off(simulators: Simulator) -> None:
    for _ in range(3):
        send(simulators.base_url)
    report = simulators.control.ledger(after=2)
    assert (report.total, [entry.sequence for entry in report.entries]) == (3, [3])
    simulators.control.forget_messages()
    assert simulators.control.ledger().total == 0


def test_the_control_client_arms_and_disarms_one_fault(simulators: Simulator) -> None:
    identifier = simulators.control.arm(FaultPlan(kind=FaultKind.ANSWER, status=503))
    assert send(simulators.base_url).status_code == 503
    assert simulators.control.struck() == {identifier: 1}
    simulators.control.disarm(identifier)
    assert send(simulators.base_url).status_code == 201


def test_a_refused_change_is_one_error_with_the_reason(simulators: Simulator) -> None:
    with pytest.raises(ControlFailed, match="no account nobody"):
        simulators.control.revoke_token("nobody")


def test_silent_simulators_are_one_error() -> None:
    with simulator() as gone:
        base_url = gone.base_url
    with SimulatorControl(base_url) as control, pytest.raises(ControlFailed, match="did not answer"):
        control.ledger()
