"""What a starting worker asks of Redis before it takes a job, and how long it waits for an answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError, RedisError

from senders.document import DocumentUnreadable
from senders.secrets import KeyRing
from senders.store import ConfigStore
from trunkline_client import keys
from trunkline_client.errors import TrunklineError
from worker.settings import Settings

#: How long a starting worker waits for Redis before it gives up.
REDIS_PATIENCE_S: Final = 30.0
_REDIS_PAUSE_S: Final = 1.0
_MS_PER_DAY: Final = 86_400_000
#: How many tenants a starting worker looks at for a credential to try its keys on.
_TENANTS_TO_TRY: Final = 50

Result = TypeVar("Result")

_log = structlog.get_logger("trunkline.worker")


class RedisUnreachable(TrunklineError):
    """Redis did not answer, or took no writes, while the worker started."""


class StoppedEarly(TrunklineError):
    """The process was told to stop before it had started."""


async def wait_for_redis(ask: Callable[[], Awaitable[Result]], is_stopping: Callable[[], bool]) -> Result:
    """Return what `ask` returns, once Redis answers it; one that loads its file or takes no writes does not yet."""
    give_up_at = time.monotonic() + REDIS_PATIENCE_S
    while True:
        try:
            return await ask()
        except (RedisError, OSError) as error:
            if is_stopping():
                raise StoppedEarly("stopped while waiting for Redis") from error
            if time.monotonic() >= give_up_at:
                raise RedisUnreachable(
                    f"Redis did not answer within {REDIS_PATIENCE_S:.0f} s ({type(error).__name__}); "
                    "check TRUNKLINE_REDIS_URL and that the server runs and takes writes"
                ) from error
            _log.warning("redis.waiting", error=type(error).__name__)
            await asyncio.sleep(_REDIS_PAUSE_S)


async def write_tuning(redis: Redis, settings: Settings) -> None:
    """Tell the scripts how much is kept and how long; installed clients read it from Redis, not from their settings."""
    keep = {
        "audit_events": settings.audit_events,
        "events": settings.events,
        "finished_keep_ms": round(settings.finished_keep_days * _MS_PER_DAY),
        "failed_keep_ms": round(settings.failed_keep_days * _MS_PER_DAY),
    }
    try:
        await redis.hset(keys.TUNING, mapping={name: str(value) for name, value in keep.items()})
    except OutOfMemoryError:
        _log.warning("tuning.unwritten", why="Redis is full")


async def check_keys(store: ConfigStore, ring: KeyRing) -> None:
    """Open one tenant's credentials: a worker with the wrong keys must stop before it takes a job.

    A few tenants may have no sender yet, most have one; thousands without any must not make a start slow. A tenant
    whose configuration cannot be read is that tenant's trouble alone.
    """
    for tenant in await store.some_tenants(_TENANTS_TO_TRY):
        try:
            config = await store.load(tenant)
        except DocumentUnreadable as error:
            _log.error("config.unreadable", tenant=tenant, error=str(error))
            continue
        for sender in config.senders.values() if config else ():
            ring.open(tenant, sender.key, sender.sealed_secret)
            return
