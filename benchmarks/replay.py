"""How long a replay by filter takes among 100,000 jobs of which 5,000 failed for six reasons, and how much memory.

`python -m benchmarks.replay` prints it. The command runs in a process of its own; no worker runs.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis

from benchmarks.measure import Fact
from senders.store import ConfigStore, Replacement
from tests.support.failures import fail, failure
from tests.support.flow import config
from tests.support.listed_jobs import Sample
from tests.support.redis_server import RedisServer
from trunkline_client.connection import open_async
from trunkline_client.words import JobState

JOBS: Final = 100_000
FAILED: Final = 5_000
_FAULTS: Final = ("auth", "account", "number", "geo", "unsubscribed", "unavailable")
_CHUNK: Final = 1_000
TRUNKLINE: Final = Path(sys.executable).parent / "trunkline"


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ran: its answer, wall time in seconds, and the largest memory it had, in MB."""

    answer: Any
    seconds: float
    memory_mb: float


def measure() -> Iterator[Fact]:
    """Yield the time and memory of a dry run and of a replay, of some of the jobs and of all."""
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        asyncio.run(_fill(server.url))
        what = f"of {JOBS:,} jobs, {FAILED:,} failed:"
        for name, arguments in {
            "--help": ["--help"],
            "dry run of one fault": ["--fault", "auth", "--json"],
            "dry run of all": ["--state", "failed", "--json"],
            "replay of all": ["--state", "failed", "--yes", "--json"],
        }.items():
            ran = _run(server.url, arguments)
            told = f"{what} {name}"
            if ran.answer:
                told += f" ({ran.answer['selected']:,} selected, {len(ran.answer['refused']):,} refused)"
            yield Fact(told, ran.seconds, "s")
            yield Fact(f"{told}, memory of the command", ran.memory_mb, "MB")


async def _fill(url: str) -> None:
    redis = open_async(url)
    await ConfigStore(redis).replace({"acme": Replacement.of(None, config())}, token="t")  # noqa: S106 - no secret
    for first in range(0, JOBS, _CHUNK):
        await _write(redis, [_job(number) for number in range(first, first + _CHUNK)])
    await redis.aclose()


def _job(number: int) -> Sample:
    every = JOBS // FAILED
    if number % every:
        return failure(number, state=JobState.SENT, fault=None)
    return failure(number, fault=_FAULTS[number // every % len(_FAULTS)])


async def _write(redis: Redis, jobs: list[Sample]) -> None:
    opted_out = tuple(job.id for job in jobs if job.fault == "unsubscribed")
    await fail(redis, *jobs, opted_out=opted_out)


def _run(url: str, arguments: list[str]) -> Ran:
    environment = {**os.environ, "TRUNKLINE_REDIS_URL": url, "TRUNKLINE_ACTOR": "bench"}
    began = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            [str(TRUNKLINE), "replay", *arguments], stdout=out, stderr=subprocess.DEVNULL, env=environment
        )
        _, _, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        out.seek(0)
        text = out.read()
    answer = json.loads(text) if text.startswith(b"{") else None
    return Ran(answer, seconds, usage.ru_maxrss / 1024)


def main() -> None:
    """Measure and print."""
    for fact in measure():
        print(f"{fact.what:90}{fact.value:>8.2f} {fact.unit}")


if __name__ == "__main__":
    main()
