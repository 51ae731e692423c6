"""The demo's processes: each with a log of its own, all ended with the demo, even when it is killed."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from trunkline_client.errors import TrunklineError

LOOPBACK: Final = "127.0.0.1"
START_S: Final = 30.0
#: A worker that is told to stop finishes the call it is in; the longest one of a demo is 15 s.
_STOP_S: Final = 20.0
_POLL_S: Final = 0.05
_TAIL_LINES: Final = 15
#: Waits for the end of its input, which comes when the demo is gone, and then kills its process group.
_GUARD: Final = ("/bin/sh", "-c", "read -r _; kill -9 0")
#: `trunkline` as this interpreter has it, whatever the PATH says; -P: nothing is imported from the working folder.
TRUNKLINE: Final = (sys.executable, "-P", "-c", "from worker.cli.main import main; main()")

T = TypeVar("T")


class DemoFailed(TrunklineError):
    """A part of the demo did not start, ended too early, or did not do what it was told."""


class DemoStopped(TrunklineError):
    """The demo was told to stop before its end."""


class StopRequest:
    """Notes that the demo was told to stop.

    A handler that raises would do so anywhere: with one, 1 SIGTERM of 3 left a lock taken, and the demo waited for
    itself for ever. This one only takes note, and is looked at where stopping is safe.
    """

    def __init__(self) -> None:
        self.received = False

    def __call__(self, *_: object) -> None:
        """Take note, as a signal handler."""
        self.received = True


class Processes:
    """Starts processes in one folder and ends all of them with its `with` block, the youngest first."""

    def __init__(self, folder: Path, environment: Mapping[str, str], stop_request: StopRequest) -> None:
        self.logs = folder / "logs"
        self.logs.mkdir()
        self._folder = folder
        self._environment = dict(environment)
        self._stop_request = stop_request
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        # The others join the guard's process group. A Ctrl-C at the terminal reaches the demo only, which then ends
        # them in order; if the demo is killed, nobody is left to, and the guard does it.
        self._guard = subprocess.Popen(_GUARD, stdin=subprocess.PIPE, process_group=0)  # noqa: S603 - a constant

    @property
    def pids(self) -> dict[str, int]:
        """The process id of every process that was started and not ended, the guard included."""
        return {"guard": self._guard.pid, **{name: process.pid for name, process in self._running.items()}}

    def start(self, name: str, command: Sequence[str], **variables: str) -> Path:
        """Start a process and return the file that takes everything it prints.

        Args:
            name: what it is called in errors and in the name of its log.
            variables: added to its environment.
        """
        log = self.log(name)
        with log.open("wb") as output:
            self._running[name] = subprocess.Popen(  # noqa: S603 - our own commands
                command,
                cwd=self._folder,
                env={**self._environment, **variables},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=self._guard.pid,
            )
        return log

    def run(self, name: str, command: Sequence[str], **variables: str) -> None:
        """Run a command to its end.

        Raises:
            DemoFailed: it did not exit with 0, or did not end in time.
            DemoStopped: the demo is to stop.
        """
        give_up_at = time.monotonic() + START_S
        self.start(name, command, **variables)
        while (code := self._running[name].poll()) is None:
            self._pause(name, give_up_at)
        if code:
            raise DemoFailed(f"{name} failed with exit code {code}{self._tail(name)}")
        del self._running[name]

    def log(self, name: str) -> Path:
        """Return the log of a process."""
        return self.logs / f"{name}.log"

    def is_running(self, name: str) -> bool:
        """Return whether a started process has not ended."""
        return self._running[name].poll() is None

    def wait_for(self, name: str, ready: Callable[[], T | None]) -> T:
        """Return what `ready` returns once that is not None, while process `name` runs.

        Raises:
            DemoFailed: a process ended, or was not ready in time.
            DemoStopped: the demo is to stop.
        """
        give_up_at = time.monotonic() + START_S
        while (found := ready()) is None:
            self.check()
            self._pause(name, give_up_at)
        return found

    def check(self) -> None:
        """Raise `DemoFailed` if a process has ended by itself, and `DemoStopped` if the demo is to stop."""
        self._heed()
        for name, process in self._running.items():
            if process.poll() is not None:
                raise DemoFailed(f"{name} ended with exit code {process.returncode}{self._tail(name)}")

    def stop(self) -> None:
        """End every process, the youngest first, and wait for each; one that does not end in time is killed."""
        for name in reversed(list(self._running)):
            process = self._running.pop(name)
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._guard.kill()
        self._guard.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _heed(self) -> None:
        if self._stop_request.received:
            raise DemoStopped("stopped before the end")

    def _pause(self, name: str, give_up_at: float) -> None:
        self._heed()
        if time.monotonic() > give_up_at:
            raise DemoFailed(f"{name} took longer than {START_S:.0f} s{self._tail(name)}")
        time.sleep(_POLL_S)

    def _tail(self, name: str) -> str:
        lines = self.log(name).read_text("utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
        return "".join(f"\n  {line}" for line in lines)


def free_port() -> int:
    """Return a loopback port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool | None:
    """Return True if somebody listens on this loopback port, else None."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return None
