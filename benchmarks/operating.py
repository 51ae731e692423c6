"""`python -m benchmarks.operating`: what it costs to find jobs on the command line, among 100,000 or `--jobs` of them.

The jobs are written in the form the journal's scripts leave: 5 % of them failed for six reasons. Every listing is asked
several times and the median told, with how long single runs of its script held Redis, as Redis itself has measured it.
On a machine that does other work too, the longest of these were interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis

from providers.faults import Fault
from tasks.backlog import BacklogReader
from tasks.listing import Listing
from tasks.stats import Stats
from tasks.wanted import Cursor, Wanted, moment
from tests.support.listed_jobs import Sample, write
from tests.support.redis_server import RedisServer
from trunkline_client.connection import open_async
from trunkline_client.words import JobState

ROUNDS: Final = 7
#: a round that takes longer is not repeated.
ONCE_S: Final = 2.0
#: of how many runs of scripts Redis remembers how long they took.
REMEMBERED: Final = 500
CHUNK: Final = 1000
SPACING_MS: Final = 2
#: every 20th job fails: the last of these seldom.
FAULTS: Final = (Fault.AUTH, Fault.GEO, Fault.RECIPIENT, Fault.NUMBER, Fault.THROTTLED)
RARE: Final = Fault.UNSUBSCRIBED
BOTH: Final = (("acme-twilio", "twilio"), ("acme-syniverse", "syniverse"))

COMMANDS: Final = (
    ("--limit", "50"),
    ("--limit", "100000"),
    ("--limit", "100000", "--json"),
    ("--state", "failed", "--all", "--json"),
)

Work = Callable[[], Awaitable[int]]


def sample(number: int, count: int, end_ms: int) -> Sample:
    """Return job `number` of `count`: 1 in 20 failed, 1 in 100 rejected, 1 in 10,000 held, the others were sent."""
    state, fault, rule = JobState.SENT, None, None
    is_held, is_of_the_rare, is_abroad = (
        number % every == 1 + place for place, every in enumerate((10_000, 5_000, 5_000), 1)
    )
    if number % 20 == 0:
        state = JobState.FAILED
        fault = RARE if number % 20_000 == 0 else FAULTS[number // 20 % len(FAULTS)]
    elif number % 100 == 1:
        state, rule = JobState.REJECTED, "quota"
    elif is_held:
        state = JobState.HELD
    return Sample(
        id=f"job-{number:08}",
        created_ms=end_ms - (count - number) * SPACING_MS,
        tenant="rare" if is_of_the_rare else f"tenant-{number % 50}",
        state=state,
        fault=fault,
        rule=rule,
        country="FJ" if is_abroad else "US",
        reference=f"login-{number // 5:012}",
        tried=BOTH if fault else BOTH[:1] if state is JobState.SENT else (),
    )


async def fill(redis: Redis, count: int, end_ms: int) -> None:
    for first in range(0, count, CHUNK):
        pipeline = redis.pipeline(transaction=False)
        for number in range(first, min(count, first + CHUNK)):
            write(pipeline, sample(number, count, end_ms))
        await pipeline.execute()


def listings(listing: Listing, count: int, end_ms: int) -> dict[str, Work]:
    """Return what is timed; each returns how many jobs it found."""
    middle = count // 2
    deep = Cursor(end_ms - (count - middle) * SPACING_MS, f"job-{middle:08}")
    failed, held = frozenset({JobState.FAILED}), frozenset({JobState.HELD})
    hour = moment(end_ms) - timedelta(minutes=1)

    def page(wanted: Wanted, *, after: Cursor | None = None, limit: int = 50) -> Work:
        async def work() -> int:
            return len((await listing.page(wanted, after=after, limit=limit)).jobs)

        return work

    async def all_failed() -> int:
        return sum([1 async for _ in listing.all(Wanted(states=failed))])

    async def all_of_a_fault() -> int:
        return sum([1 async for _ in listing.all(Wanted(fault=Fault.GEO))])

    return {
        "the newest 50": page(Wanted()),
        "50 from the middle": page(Wanted(), after=deep),
        "the newest 500": page(Wanted(), limit=500),
        "50 failed": page(Wanted(states=failed)),
        "50 failed, from the middle": page(Wanted(states=failed), after=deep),
        "50 of a frequent fault": page(Wanted(fault=Fault.GEO)),
        "50 of a rare fault (1 in 1,000 failed)": page(Wanted(fault=RARE)),
        "50 rejected by quota": page(Wanted(rule="quota")),
        "50 held (1 in 10,000)": page(Wanted(states=held)),
        "50 of a tenant (1 in 50)": page(Wanted(tenant="tenant-9")),
        "50 of a small tenant (1 in 5,000)": page(Wanted(tenant="rare")),
        "50 failed of a tenant": page(Wanted(tenant="tenant-20", states=failed)),
        "50 failed over a sender": page(Wanted(states=failed, sender="acme-syniverse")),
        "50 sent by a provider": page(Wanted(provider="twilio")),
        "the 5 jobs of a reference": page(Wanted(reference=f"login-{middle // 5:012}")),
        "50 of the last minute": page(Wanted(since=hour)),
        "50 of a rare country (1 in 5,000)": page(Wanted(country="FJ")),
        "50 of a country that none has": page(Wanted(country="AQ")),
        "all of a fault": all_of_a_fault,
        "all failed": all_failed,
    }


async def timed(redis: Redis, what: str, work: Work) -> None:
    await redis.slowlog_reset()
    walls: list[float] = []
    found = 0
    while len(walls) < ROUNDS and not (walls and walls[-1] > ONCE_S):
        started = time.perf_counter()
        found = await work()
        walls.append(time.perf_counter() - started)
    entries: list[Any] = await redis.slowlog_get(REMEMBERED)
    held = sorted(entry["duration"] / 1000 for entry in entries if entry["command"][:7] == b"EVALSHA")
    told = f"{what:40}{found:>8,} jobs{statistics.median(walls) * 1000:>10,.1f} ms"
    if held:
        told += f"   a step {statistics.median(held):.2f} ms, 95 of 100 up to {held[len(held) * 95 // 100]:.2f}"
        told += f", longest {held[-1]:.2f}"
    print(told, flush=True)


def commands(url: str) -> None:
    """Print the time and the memory of the command itself; the listing goes to a file."""
    trunkline = Path(sys.executable).parent / "trunkline"
    for options in COMMANDS:
        with tempfile.TemporaryFile() as output:
            started = time.perf_counter()
            env = os.environ | {"TRUNKLINE_REDIS_URL": url}
            process = subprocess.Popen([trunkline, "jobs", "list", *options], stdout=output, stderr=output, env=env)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            wall = time.perf_counter() - started
        what = f"trunkline jobs list {' '.join(options)}"
        print(f"{what:56}{wall:>8.1f} s{usage.ru_maxrss / 1024:>8.0f} MB", flush=True)


async def measure(url: str, count: int) -> None:
    redis = open_async(url)
    end_ms = round(datetime.now(UTC).timestamp() * 1000)
    started = time.perf_counter()
    await fill(redis, count, end_ms)
    memory = (await redis.info("memory"))["used_memory"] / 2**20
    print(f"{count:,} jobs written in {time.perf_counter() - started:.0f} s, {memory:,.0f} MB", flush=True)
    await redis.config_set("slowlog-log-slower-than", 0)
    await redis.config_set("slowlog-max-len", REMEMBERED)
    for what, work in listings(Listing(redis), count, end_ms).items():
        await timed(redis, what, work)
    stats = Stats(redis)

    async def dead() -> int:
        return sum((await stats.dead_by_fault()).values())

    async def backlog() -> int:
        return (await BacklogReader(redis).read()).dead

    await timed(redis, "dead letters by fault", dead)
    await timed(redis, "the backlog", backlog)
    await redis.config_set("slowlog-log-slower-than", 10_000)
    await redis.aclose()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.operating", description=__doc__)
    parser.add_argument("--jobs", type=int, default=100_000, help="how many jobs there are (100000)")
    options = parser.parse_args()
    print(f"load before {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        asyncio.run(measure(server.url, options.jobs))
        commands(server.url)


if __name__ == "__main__":
    main()
