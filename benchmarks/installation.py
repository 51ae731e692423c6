"""A whole Trunkline to measure: a Redis server, the simulated provider, configured tenants, and worker processes."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.fernet import Fernet
from redis import Redis

from benchmarks import tenants_file
from benchmarks.process import Measured, measured
from benchmarks.simulated import Provider, provider
from benchmarks.tenants_file import Tenants
from tests.support.redis_server import RedisServer
from tests.support.system import BIN
from trunkline_client import AsyncTrunkline
from trunkline_client.connection import open_async, open_sync

REPOSITORY: Final = Path(__file__).parent.parent
#: how many jobs are being enqueued at a time, so that the client's connections are used as a busy producer does.
_AT_A_TIME: Final = 32
_RECIPIENTS: Final = 10_000

Job = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stage:
    """A server and a provider for whatever is measured, Trunkline or another."""

    folder: Path
    redis_url: str
    redis: Redis
    provider: Provider

    def reset(self, **answering: Any) -> None:
        """Empty the server and forget what the provider got."""
        self.redis.flushall()
        self.provider.configure(**answering)

    def redis_cpu_s(self) -> float:
        """Return the CPU time that the server has taken."""
        info: Any = self.redis.info("cpu")
        return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])

    def environment(self, **more: str) -> dict[str, str]:
        """Return what a measured process gets to know."""
        return {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
            "PYTHONPATH": str(REPOSITORY),
            "BENCH_REDIS_URL": self.redis_url,
            "BENCH_PROVIDER_URL": self.provider.url,
            **more,
        }


@dataclass(slots=True)
class Installation:
    """A configured Trunkline on a stage."""

    stage: Stage
    tenants: Tenants
    secret_key: str = field(default_factory=lambda: Fernet.generate_key().decode())

    def configure(self, **answering: Any) -> None:
        """Begin anew: an empty server, an empty ledger, the tenants saved."""
        self.stage.reset(**answering)
        asyncio.run(self._apply())

    @contextmanager
    def worker(self, concurrency: int, *arguments: str, **settings: str) -> Iterator[Measured]:
        """Run `trunkline worker` until the end of the block."""
        environment = self.stage.environment(
            TRUNKLINE_REDIS_URL=self.stage.redis_url,
            TRUNKLINE_SECRET_KEYS=self.secret_key,
            TRUNKLINE_LOG_FORMAT="json",
            TRUNKLINE_LOG_LEVEL="warning",
            **self.stage.provider.environment,
            **settings,
        )
        command = [str(BIN / "trunkline"), "worker", "--concurrency", str(concurrency), *arguments]
        with measured(command, folder=self.stage.folder, environment=environment, name="worker") as process:
            yield process

    def jobs(self, count: int, *, name: str = "job", **more: Any) -> list[Job]:
        """Return so many jobs, of all tenants in turn; each text is there once, so that each can be told apart."""
        return [
            {
                "channel": "sms",
                "tenant": self.tenants.name(place),
                "to": f"+1212555{place % _RECIPIENTS:04}",
                "body": f"Your code is {name}-{place:07}",
                **more,
            }
            for place in range(count)
        ]

    def send_each(self, jobs: Iterable[Job]) -> None:
        """Enqueue jobs one by one, as callers do that do not know of each other."""
        asyncio.run(self._send_each(list(jobs)))

    def send_many(self, jobs: Iterable[Job]) -> None:
        """Enqueue jobs as one campaign."""
        asyncio.run(self._send_many(list(jobs)))

    async def _apply(self) -> None:
        redis = open_async(self.stage.redis_url)
        await tenants_file.apply(redis, self.tenants, self.secret_key)
        await redis.aclose()

    async def _send_each(self, jobs: list[Job]) -> None:
        client = AsyncTrunkline(self.stage.redis_url)
        waiting = iter(jobs)

        async def enqueue() -> None:
            for job in waiting:
                await client.send_sms(**{name: value for name, value in job.items() if name != "channel"})

        await asyncio.gather(*(enqueue() for _ in range(_AT_A_TIME)))
        await client.aclose()

    async def _send_many(self, jobs: list[Job]) -> None:
        client = AsyncTrunkline(self.stage.redis_url)
        for handle in await client.send_many(jobs):
            if isinstance(handle, Exception):
                raise handle
        await client.aclose()


@contextmanager
def stage() -> Iterator[Stage]:
    """Run a Redis server and the simulated provider."""
    with (
        tempfile.TemporaryDirectory() as folder,
        RedisServer(Path(folder) / "redis") as server,
        provider() as simulated,
        open_sync(server.url) as redis,
    ):
        redis.config_set("hash-max-listpack-value", 1024)  # as docs/performance.md recommends
        yield Stage(Path(folder), server.url, redis, simulated)
