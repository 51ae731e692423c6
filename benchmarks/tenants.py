"""What a job, an apply and a listing cost when there are 10,000 tenants, and when one tenant has 10,000 numbers.

Each is compared with ten small tenants of the same run; a ratio near 1 is what is wanted.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import sys
import tempfile
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

import structlog
from cryptography.fernet import Fernet
from redis.asyncio import Redis

from benchmarks.measure import Fact, Measurement, Stopwatch, stopwatch
from providers.protocol import Account, FoundNumber, NumberType, VerifiedAccount
from senders.apply import plan, save, verify
from senders.cache import ConfigCache
from senders.config_file import parse_file
from senders.secrets import KeyRing
from senders.store import ConfigStore
from tasks.dispatch import dispatch
from tests.support.config_samples import FakeProvider
from tests.support.flow import BOTH, worker
from tests.support.redis_server import RedisServer
from trunkline_client import AsyncTrunkline
from trunkline_client.connection import open_async

#: jobs between two pauses of the clock; fewer than one tenant may have in a lane.
_BATCH: Final = 60
#: what is smaller than this is applied and listed several times.
_LEAST_NUMBERS: Final = 5000
_TOKEN: Final = "a-token"  # noqa: S105 - of nobody


@dataclass(frozen=True, slots=True)
class Size:
    """How much is configured."""

    name: str
    tenants: int
    senders: int
    numbers: int

    @property
    def all_numbers(self) -> int:
        """The numbers of all tenants."""
        return self.tenants * self.senders * self.numbers

    def file(self) -> str:
        """Return the configuration file."""
        tenants = (self._tenant(place) for place in range(self.tenants))
        return "tenants:\n" + "".join(tenants)

    def _tenant(self, place: int) -> str:
        senders = "".join(self._sender(place * self.senders + index, f"s{index}") for index in range(self.senders))
        return f"  {self.tenant(place)}:\n    default_chain: [s0]\n    senders:\n{senders}"

    def _sender(self, account: int, key: str) -> str:
        numbers = "".join(f'          - {{number: "{one.number}"}}\n' for one in self.account(account))
        return (
            f"      {key}:\n        kind: twilio\n        name: Own\n        account_sid: AC{account:032}\n"
            f"        auth_token: {_TOKEN}\n        consent: {{by: ops@acme.example}}\n        channels: [sms]\n"
            f"        numbers:\n{numbers}"
        )

    def tenant(self, place: int) -> str:
        """Return the name of a tenant."""
        return f"tenant-{place:05}"

    def account(self, account: int) -> tuple[FoundNumber, ...]:
        """Return the numbers of an account."""
        first = 4_150_000_000 + account * self.numbers
        digits = range(first, first + self.numbers)
        return tuple(FoundNumber(f"+1{number}", NumberType.PHONE_NUMBER, BOTH) for number in digits)


#: the baseline comes first.
SIZES: Final = (
    Size("10 tenants, 5 numbers each", 10, 1, 5),
    Size("10,000 tenants, 5 numbers each", 10_000, 1, 5),
    Size("1 tenant, 10 senders of 1,000", 1, 10, 1000),
)


@dataclass
class _Accounts(FakeProvider):
    """Accounts with the numbers of a size."""

    size: Size = SIZES[0]

    async def verify(self, account: Account) -> VerifiedAccount:
        return VerifiedAccount("", self.size.account(int((account.account_sid or "")[2:])))


class _Installation:
    """One server with everything of a size configured."""

    def __init__(self, size: Size, redis: Redis, url: str) -> None:
        self.size = size
        self.ring = KeyRing([Fernet.generate_key().decode()])
        self.store = ConfigStore(redis)
        self._redis = redis
        self._client = AsyncTrunkline(url)
        self._recipients = cycle(range(10_000))
        self._tenants = cycle(range(size.tenants))

    async def apply(self) -> Stopwatch:
        """Save everything, as `trunkline apply` does, several times from nothing if it is little."""
        text = self.size.file()
        total = Stopwatch()
        for turn in range(max(1, _LEAST_NUMBERS // self.size.all_numbers)):
            await self._redis.flushall()
            with stopwatch() as watch:
                desired = parse_file(text, {})
                planned = plan(desired, await self.store.load_all(desired), self.ring)
                numbers = await verify(planned, lambda _: _Accounts(size=self.size))
                await save(
                    planned,
                    numbers,
                    self.store,
                    self.ring,
                    actor="bench",
                    now=datetime.now(UTC),
                    token=str(turn),
                )
                watch.done = self.size.all_numbers
            total.add(watch)
        return total

    async def list_all(self) -> Stopwatch:
        """Read what `trunkline tenants list` shows."""
        with stopwatch() as watch:
            for _ in range(max(1, _LEAST_NUMBERS // self.size.all_numbers)):
                watch.done += len([one async for one in self.store.summaries()])
        return watch

    async def held_ms(self) -> float:
        """Return how long a script of an apply has held the server, on average."""
        stats: dict[str, Any] = await self._redis.info("commandstats")
        scripts = (stats.get(f"cmdstat_{name}", {}) for name in ("eval", "evalsha"))
        return max(float(script.get("usec_per_call", 0)) for script in scripts) / 1000

    async def warm(self) -> ConfigCache:
        """Return a worker's cache after it has seen every tenant."""
        cache = ConfigCache(self.store.load, self.ring)
        for place in range(self.size.tenants):
            config = await cache.get(self.size.tenant(place), 1)
            assert config is not None  # noqa: S101
            for sender in config.senders.values():
                cache.account(config, sender)
                for channel in sender.channels:
                    await cache.shortlist(config, sender, channel)
        return cache

    async def dispatch(self, cache: ConfigCache) -> Stopwatch:
        """Dispatch some jobs of all tenants in turn, to a provider that accepts at once; enqueueing is not timed."""
        services = replace(worker(self._redis, None).services, configurations=cache)
        job_ids = await self._enqueue([self.size.tenant(place) for place in islice(self._tenants, _BATCH)])
        with stopwatch() as watch:
            for job_id in job_ids:
                report = await dispatch(services, job_id, "")
                assert report.line.startswith("sent"), report.line  # noqa: S101
                watch.done += 1
        return watch

    async def _enqueue(self, tenants: list[str]) -> list[str]:
        jobs = [
            {"channel": "sms", "tenant": tenant, "to": f"+1212555{next(self._recipients):04}", "body": "493817"}
            for tenant in tenants
        ]
        return [handle.id for handle in await self._client.send_many(jobs) if not isinstance(handle, Exception)]


def measure(seconds: float) -> tuple[list[Measurement], list[Fact]]:
    """Return CPU and rate per job, per number applied and per tenant listed for each size, and what they take."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    return asyncio.run(_measure(rounds=round(seconds * 8)))


async def _measure(rounds: int) -> tuple[list[Measurement], list[Fact]]:
    facts: list[Fact] = []
    async with AsyncExitStack() as stack:
        every = [await stack.enter_async_context(_installation(size)) for size in SIZES]
        applied = [(await each.apply()).measurement("apply, each number", each.size.name) for each in every]
        facts += [Fact(f"Redis held by one apply: {each.size.name}", await each.held_ms(), "ms") for each in every]
        listed = [(await each.list_all()).measurement("list, each tenant", each.size.name) for each in every]
        dispatched = await _dispatch(every, rounds)
        for each in every:
            facts += await _memory(each)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    facts.append(Fact("most memory this process has taken", peak, "MiB"))
    return [*dispatched, *applied, *listed], facts


async def _dispatch(every: Sequence[_Installation], rounds: int) -> list[Measurement]:
    """Return what a job costs for each size; they take turns, so that the machine's other load meets all of them."""
    caches = [await each.warm() for each in every]
    totals = [Stopwatch() for _ in every]
    for _ in range(rounds):
        for each, cache, total in zip(every, caches, totals, strict=True):
            total.add(await each.dispatch(cache))
    return [total.measurement("dispatch a job", each.size.name) for each, total in zip(every, totals, strict=True)]


async def _memory(installed: _Installation) -> list[Fact]:
    gc.collect()
    tracemalloc.start()
    cache = await installed.warm()
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    name = installed.size.name
    return [
        Fact(f"cache: {name}", taken / 1e6, "MB"),
        Fact(f"cache as it counts: {name}", cache.bytes_kept / 1e6, "MB"),
    ]


@asynccontextmanager
async def _installation(size: Size) -> AsyncIterator[_Installation]:
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        redis = open_async(server.url)
        yield _Installation(size, redis, server.url)
        await redis.aclose()
