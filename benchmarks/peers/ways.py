"""How each peer is run: one process, set up as its documentation recommends, with as many in flight as suit it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

#: threads of Celery that acknowledges: more do not get into flight. Tried 64, 100 and 200 for each way with threads.
THREADS: Final = 64
#: without acknowledgement 64 would be the limit, and 200 cost more CPU than they bring.
UNACKNOWLEDGED_THREADS: Final = 100
#: asyncio needs this many at 50 ms to reach 4,000 a second, which nothing here does.
IN_FLIGHT: Final = 200
PEERS: Final = Path(sys.prefix) / "peers"
ARQ: Final = Path(sys.prefix) / "peers-arq"


@dataclass(frozen=True, slots=True)
class Way:
    """One way of sending messages from a queue.

    Attributes:
        name: as the table shows it.
        setup: how it is set up, for docs/performance.md.
        module: the module in this folder; run with a number, it enqueues so many messages.
        home: the Python environment it runs in.
        worker: the command of its one worker process, after the environment's `bin`.
        environment: what it is told besides the addresses.
    """

    name: str
    setup: str
    module: str
    home: Path
    worker: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def interpreter(self) -> str:
        """The Python of its environment."""
        return str(self.home / "bin" / "python")

    def command(self) -> list[str]:
        """Return the command of its worker."""
        return [str(self.home / "bin" / self.worker[0]), *self.worker[1:]]

    def missing(self) -> str | None:
        """Return what keeps it from being run here, or None."""
        needed = {"taskiq_app": "taskiq_redis", "dramatiq_app": "dramatiq", "arq_app": "arq"}.get(self.module)
        return f"{needed} is not installed" if needed and not _has(self.interpreter, needed) else None


@cache
def _has(interpreter: str, package: str) -> bool:
    if not Path(interpreter).exists():
        return False
    return subprocess.run([interpreter, "-c", f"import {package}"], capture_output=True, check=False).returncode == 0


def _celery(name: str, setup: str, *, threads: int = THREADS, **environment: str) -> Way:
    app = ("celery", "-A", "benchmarks.peers.celery_app", "worker", "--pool", "threads", "--concurrency", str(threads))
    quiet = ("--without-mingle", "--without-gossip", "--without-heartbeat", "--loglevel", "error")
    return Way(name, f"{threads} threads; {setup}", "celery_app", Path(sys.prefix), app + quiet, environment)


def _taskiq(kind: str, setup: str) -> Way:
    command = ("taskiq", "worker", "--workers", "1", "--max-async-tasks", str(IN_FLIGHT), "--max-prefetch", "200")
    return Way(
        f"taskiq, Redis {kind}",
        f"asyncio, uvloop, {IN_FLIGHT} in flight and 200 prefetched, httpx over aiohttp; {setup}",
        "taskiq_app",
        PEERS,
        (*command, "--no-parse", "--log-level", "ERROR", "benchmarks.peers.taskiq_app:broker"),
        {"BENCH_TASKIQ_BROKER": kind},
    )


BARE: Final = Way(
    "no queue at all",
    f"one asyncio loop, {IN_FLIGHT} in flight, httpx over our transport",
    "bare",
    Path(sys.prefix),
    ("python", "-m", "benchmarks.peers.bare"),
)
CELERY: Final = (
    _celery("Celery, httpx", "late acknowledgement, one httpx client per thread"),
    _celery(
        "Celery, http.client",
        "late acknowledgement, one connection of http.client per thread",
        BENCH_CELERY_HTTP="http.client",
    ),
    _celery(
        "Celery without acknowledgement",
        "`ack_emulation=False`, one connection of http.client per thread",
        threads=UNACKNOWLEDGED_THREADS,
        BENCH_CELERY_HTTP="http.client",
        BENCH_CELERY_ACKS="0",
    ),
)
OTHERS: Final = (
    _taskiq("list", "no acknowledgement"),
    _taskiq("stream", "acknowledged when done"),
    Way(
        "dramatiq",
        f"{IN_FLIGHT} threads, one connection of http.client per thread",
        "dramatiq_app",
        PEERS,
        ("dramatiq", "--processes", "1", "--threads", str(IN_FLIGHT), "benchmarks.peers.dramatiq_app"),
    ),
    Way(
        "arq",
        f"asyncio, uvloop, {IN_FLIGHT} in flight, asks every 20 ms, no results, httpx over aiohttp",
        "arq_app",
        ARQ,
        ("arq", "benchmarks.peers.arq_app.WorkerSettings"),
    ),
)
