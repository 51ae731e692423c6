"""The composition root: reads settings once and passes values down; nothing below reads the environment."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
import signal
import socket
import time
from collections.abc import Callable, Sequence
from typing import Final, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from providers.registry import Providers, Timeouts
from senders.cache import ConfigCache
from senders.counter_key import load_digester
from senders.secrets import KeyRing
from senders.store import ConfigStore
from tasks.calls_under_way import CallsUnderWay
from tasks.dispatch import dispatch, dispatch_many
from tasks.journal import Journal
from tasks.lease import GivenBack, LeaseKeeper
from tasks.report import Report
from tasks.retired import RetiredSecrets
from tasks.revoke import Revocation, revoke
from tasks.script_calls import MOST_BATCHES
from tasks.services import DispatchSettings, Services
from tasks.submit import submit
from tasks.upkeep import Sweeper, run_destroyer, run_forgetter, run_mover
from trunkline_client import AsyncTrunkline
from trunkline_client.connection import open_async
from trunkline_client.errors import TrunklineError
from worker.bridge import Bridge
from worker.monitoring import Monitoring
from worker.provider_access import providers_of
from worker.redis_facts import warn_of_unsafe
from worker.settings import Settings
from worker.startup import StoppedEarly, check_keys, wait_for_redis, write_tuning
from worker.tracing_switch import NO_TRACING, Tracing, open_tracing

#: A lease is renewed this often within its length: two renewals may fail before it ends.
_RENEWALS_PER_LEASE: Final = 10 / 3
#: How long giving back may take. It takes 0.2 s, and for ever while Redis is frozen.
_GIVE_BACK_S: Final = 1.0
#: How long the last spans may take to leave; with a collector that is away they would for ever.
_FLUSH_S: Final = 1.0
#: Connections to Redis besides those of the jobs' scripts: upkeep, submitted jobs, and loads of configurations.
_SPARE_CONNECTIONS: Final = 32

_log = structlog.get_logger("trunkline.worker")


class WorkerRuntime:
    """Runs the asynchronous core of one process; implements `tasks.celery_tasks.Runtime`."""

    def __init__(self) -> None:
        self.bridge = Bridge()
        self.monitoring = Monitoring(lambda: self.bridge.in_hand)
        self.calls = CallsUnderWay()
        self._services: Services | None = None
        self._providers: Providers | None = None
        self._redis: Redis | None = None
        self._retired: RetiredSecrets | None = None
        self._tracing: Tracing = NO_TRACING

    def start(self, settings: Settings, is_stopping: Callable[[], bool]) -> None:
        """Connect, check what can be checked, and start the upkeep loops.

        Args:
            settings: the checked settings.
            is_stopping: whether the process was told to stop meanwhile.

        Raises:
            PortUnavailable: the port for metrics is not to be had.
            RedisTooOld: this Redis cannot run the scripts.
            RedisUnreachable: Redis did not answer, or took no writes, within `REDIS_PATIENCE_S`.
            StoppedEarly: the process was told to stop meanwhile.
            SecretUnreadable: the key ring cannot open the stored credentials.
            TracingUnusable: tracing is on and cannot be started.
        """
        self._tracing = open_tracing(settings, _worker_name())
        self.monitoring.start(settings, is_stopping)
        self.bridge.start()
        if self.monitoring.is_on:
            self.bridge.spawn(self.monitoring.heartbeats.beat(), _die)
        try:
            self.bridge.run(self._open(settings, is_stopping))
        except GivenBack as error:
            raise StoppedEarly("stopped while it started") from error
        services, measures = self._ready(), self.monitoring.measures
        for loop in (
            services.leases.run(),
            run_mover(services.journal, measures),
            Sweeper(services.journal, measures).run(),
            run_forgetter(services.journal, measures),
        ):
            self.bridge.spawn(loop, _die)
        if self._retired is not None:
            self.bridge.spawn(run_destroyer(self._retired, measures), _die)

    @property
    def in_hand(self) -> int:
        """How many jobs and submitted messages are being worked on."""
        return self.bridge.in_hand if self._services is not None else 0

    def give_back(self) -> None:
        """Send nothing more, end what is in hand, and give it back; if Redis is away, its leases run out instead."""
        in_hand = self.in_hand
        done = self.bridge.let_go(self._close_leases, self._put_back, timeout_s=_GIVE_BACK_S)
        if in_hand or not done:
            _log.warning("worker.gave_back", in_hand=in_hand, done=done)
        self._tracing.flush(_FLUSH_S)

    def stop(self) -> None:
        """End the upkeep loops and close every connection."""
        try:
            self.bridge.stop(self._close())
        finally:
            self.monitoring.stop()
            self._tracing.close(_FLUSH_S)

    def dispatch(self, job_id: str, hop: str) -> Report:
        """Carry one job one pass further."""
        return self.bridge.run(dispatch(self._ready(), job_id, hop))

    def dispatch_many(self, job_ids: Sequence[str], hops: Sequence[str]) -> list[Report]:
        """Carry many jobs one pass further, side by side."""
        return self.bridge.run(dispatch_many(self._ready(), job_ids, hops))

    def submit(self, job: object, task_id: str) -> Report:
        """Record a job that came through the broker."""
        client = AsyncTrunkline(redis=self._redis)
        return self.bridge.run(submit(self._ready().journal, client, job, task_id))

    def revoke(self, job_id: str, hop: str) -> Revocation:
        """Cancel a job whose waiting nudge was revoked."""
        self._ready()
        return self.bridge.run(revoke(cast("Redis", self._redis), job_id, hop))

    def pause(self, seconds: float) -> None:
        """Let a task wait; no other waits for it."""
        self.bridge.run(self._pause(seconds))

    async def _pause(self, seconds: float) -> None:
        # Counted as time at a provider's: else 32 jobs that a full Redis does not record would keep all others out.
        with self.calls:
            await asyncio.sleep(seconds)

    def _close_leases(self) -> None:
        if self._services is not None:
            self._services.leases.close()

    async def _put_back(self) -> None:
        if self._services is None:
            return
        with contextlib.suppress(RedisError):
            if await self._services.leases.release():
                await Sweeper(self._services.journal, self._services.measures).sweep()

    def _ready(self) -> Services:
        if self._services is None:
            raise TrunklineError("this worker has not started")
        return self._services

    async def _open(self, settings: Settings, is_stopping: Callable[[], bool]) -> None:
        url = settings.redis_url.get_secret_value()
        connections = MOST_BATCHES + _SPARE_CONNECTIONS
        self._redis = redis = open_async(url, client_name="trunkline-worker", max_connections=connections)
        await wait_for_redis(lambda: warn_of_unsafe(redis), is_stopping)
        await wait_for_redis(lambda: write_tuning(redis, settings), is_stopping)
        ring = KeyRing(settings.secret_key_texts)
        store = ConfigStore(redis)
        await wait_for_redis(lambda: check_keys(store, ring), is_stopping)
        digester = await wait_for_redis(
            lambda: load_digester(redis, ring, new_key=lambda: secrets.token_hex(32)), is_stopping
        )
        journal = Journal(self._redis, lease_ms=round(settings.lease_s * 1000))
        self._retired = RetiredSecrets(self._redis, journal, store, new_token=lambda: secrets.token_urlsafe(16))
        timeouts = Timeouts(connect_s=settings.connect_s, read_s=settings.attempt_s)
        self._providers = providers_of(settings, timeouts, self._tracing.wrap)
        self._services = Services(
            journal=journal,
            configurations=ConfigCache(store.load, ring),
            content=ring,
            provider=self._providers.for_kind,
            leases=LeaseKeeper(
                journal,
                lease_s=settings.lease_s,
                renew_every_s=settings.lease_s / _RENEWALS_PER_LEASE,
                monotonic=time.monotonic,
                measures=self.monitoring.measures,
            ),
            digester=digester,
            settings=_dispatch_settings(settings),
            monotonic=time.monotonic,
            random=random.random,
            new_token=lambda: secrets.token_hex(6),
            sleep=asyncio.sleep,
            measures=self.monitoring.measures,
            tracer=self._tracing.tracer,
            calls=self.calls,
        )

    async def _close(self) -> None:
        if self._providers is not None:
            await self._providers.aclose()
        if self._services is not None:
            await self._services.journal.aclose()
        if self._redis is not None:
            await self._redis.aclose()


def _die(error: BaseException) -> None:
    """Stop the worker, for a supervisor to start again: without its upkeep it would lose leases."""
    _log.critical("upkeep.died", error=type(error).__name__, exc_info=error)
    os.kill(os.getpid(), signal.SIGTERM)


def _worker_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


def _dispatch_settings(settings: Settings) -> DispatchSettings:
    return DispatchSettings(
        worker=_worker_name(),
        urgent_deadline_s=settings.attempt_urgent_s,
        deadline_s=settings.attempt_s,
        other_numbers=settings.other_numbers,
        keep_content=settings.keep_content,
        pacing=settings.pacing,
    )
