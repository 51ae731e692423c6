"""Workers that are killed and started again, each behind relays of its own."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from tests.support.chaos.relay import Relay, RelayThread, Way
from tests.support.chaos.traps import Point, ProviderWatcher, RedisWatcher, Sight, Trap
from tests.support.system import System, WorkerProcess

_LOOK_S: Final = 0.05
_STOPPED: Final = "T"
_GONE: Final = frozenset({"", "Z", "X"})


class Mishap:
    """What can happen to a worker process."""

    def __init__(self, pause_s: float | None = None) -> None:
        """Args: `pause_s`: how long it is stopped; None: it is killed."""
        self._pause_s = pause_s

    def befall(self, worker: WorkerProcess) -> Way:
        """Do it; returns once the process can do nothing more."""
        if self._pause_s is None:
            worker.process.kill()
            return Way.LOSE
        worker.process.send_signal(signal.SIGSTOP)
        if worker.process.poll() is None:
            _wait_until_stopped(worker.process.pid)
        waking = threading.Timer(self._pause_s, wake, [worker])
        waking.daemon = True
        waking.start()
        return Way.PASS


@dataclass
class Slot:
    """A place in the fleet: its relays stay, its worker comes and goes."""

    name: str
    sight: Sight
    redis: Relay
    provider: Relay
    variables: Mapping[str, str]
    worker: WorkerProcess | None = None
    starts: int = 0

    def set_trap(self, point: Point, countdown: int, mishap: Mishap) -> Trap:
        """Let the worker that is there at that moment be struck at `point`, the `countdown`-th time."""

        def strike() -> Way:
            return mishap.befall(self.worker) if self.worker else Way.PASS

        self.sight.trap = Trap(point, countdown, strike)
        return self.sight.trap

    @property
    def is_alive(self) -> bool:
        """Whether its worker runs."""
        return self.worker is not None and self.worker.process.poll() is None

    @property
    def is_frozen(self) -> bool:
        """Whether its worker is stopped by a signal at present."""
        return self.worker is not None and self.is_alive and _status(self.worker.process.pid) == _STOPPED


@dataclass
class Fleet:
    """Some workers; one that ended is started again, as a supervisor would do.

    Attributes:
        variables: settings of all workers.
        per_worker: makes the settings of one, by its index.
        arguments: what `trunkline worker` is started with.
        way_to_redis: the address that all of them use in place of a relay of their own.
    """

    system: System
    thread: RelayThread
    random: Random
    size: int
    variables: Mapping[str, str]
    per_worker: Callable[[int], Mapping[str, str]]
    arguments: tuple[str, ...]
    way_to_redis: str | None = None
    slots: list[Slot] = field(default_factory=list)
    _ending: threading.Event = field(default_factory=threading.Event)
    _supervisor: threading.Thread | None = None

    @property
    def starts(self) -> int:
        """How many workers were started in all."""
        return sum(slot.starts for slot in self.slots)

    def pick(self) -> Slot:
        """Return any of the slots whose workers are not frozen, or any at all if all are."""
        return self.random.choice([slot for slot in self.slots if not slot.is_frozen] or self.slots)

    def wait_ready(self) -> None:
        """Return when every worker takes messages."""
        for slot in self.slots:
            if slot.worker:
                slot.worker.wait_ready()

    def wait_awake(self) -> None:
        """Return when no worker is frozen any more."""
        while any(slot.is_frozen for slot in self.slots):
            time.sleep(_LOOK_S)

    def __enter__(self) -> Self:
        self.slots += [self._slot(index) for index in range(self.size)]
        self._supervisor = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self._supervisor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        if self._supervisor:
            self._supervisor.join()
        for slot in self.slots:
            if slot.worker:
                slot.worker.process.kill()
                slot.worker.process.wait()

    def _slot(self, index: int) -> Slot:
        sight = Sight(Random(self.random.random()))  # noqa: S311 - a repeatable plan, no secret
        syniverse = urlsplit(self.system.environment["TRUNKLINE_SYNIVERSE_API_URL"])
        redis = Relay(self.thread, self.system.redis.port, RedisWatcher(sight))
        provider = Relay(self.thread, syniverse.port or 0, ProviderWatcher(sight))
        variables = {
            **self.variables,
            # Whom Sentinels name, a worker reaches without a relay.
            "TRUNKLINE_REDIS_URL": self.way_to_redis or f"redis://127.0.0.1:{redis.port}/0",
            "TRUNKLINE_TWILIO_API_URL": f"http://127.0.0.1:{provider.port}",
            "TRUNKLINE_SYNIVERSE_API_URL": f"http://127.0.0.1:{provider.port}{syniverse.path}",
            **self.per_worker(index),
        }
        slot = Slot(f"w{index}", sight, redis, provider, variables)
        self._start(slot)
        return slot

    def _start(self, slot: Slot) -> None:
        slot.starts += 1
        slot.worker = self.system.start_worker(*self.arguments, "--name", f"{slot.name}@%h", variables=slot.variables)

    def _supervise(self) -> None:
        while not self._ending.wait(_LOOK_S):
            for slot in self.slots:
                if not slot.is_alive:
                    self._start(slot)


def wake(worker: WorkerProcess) -> None:
    """Let a stopped worker go on, if it is still there."""
    if worker.process.poll() is None:
        with suppress(ProcessLookupError):
            worker.process.send_signal(signal.SIGCONT)


def _wait_until_stopped(pid: int) -> None:
    """A signal is on its way for some microseconds; what follows must not overtake it."""
    if not Path("/proc").exists():  # not Linux: there is no cheap way to ask
        time.sleep(0.01)
        return
    while _status(pid) not in {_STOPPED, *_GONE}:
        os.sched_yield()


def _status(pid: int) -> str:
    """Return the letter that Linux gives the state of a process, "" if there is none."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    return status.rpartition(")")[2].split()[0]
