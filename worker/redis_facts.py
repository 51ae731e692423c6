"""Asks a Redis about itself. What a user may not ask, or a service hides, is left out."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from trunkline_client.errors import TrunklineError
from worker.finding import Severity
from worker.redis_health import COMPACT_SETTINGS, LEAST_VERSION, ServerFacts, findings_of, is_too_old

#: How many keys are looked at; enough to notice a neighbour, and no work for Redis.
_SAMPLE: Final = 100
#: Our keys, the queues, and what kombu, Celery and its remote control keep.
_OURS: Final = re.compile(r"tl:|dispatch\.|fallback\.|maintenance|unacked|_kombu\.|celeryev|.*\.celery\.pidbox$")
_SETTINGS: Final = ("appendfsync", *COMPACT_SETTINGS)
#: What a starting worker does not warn of: what only tells, and what this user may not look at.
_QUIET: Final = frozenset({Severity.HINT, Severity.UNKNOWN})

_log = structlog.get_logger("trunkline.worker")


class RedisTooOld(TrunklineError):
    """The server is older than what the scripts need."""


async def read_facts(redis: Redis, *, clock: Callable[[], float] = time.time) -> ServerFacts:
    """Return what the server tells about itself.

    Raises:
        RedisError: it did not answer.
    """
    info = await _allowed(redis, "INFO")
    config: dict[str, str] = {}
    for setting in _SETTINGS:  # one by one: Redis 6.2 takes only one
        config |= await _allowed(redis, "CONFIG GET", setting) or {}
    before = clock()
    seconds, microseconds = await redis.time()
    ours_ms = (before + clock()) / 2 * 1000
    scanned = await _allowed(redis, "SCAN", "0", "COUNT", _SAMPLE)
    names = scanned[1] if scanned else []
    return ServerFacts(
        info={str(name): str(value) for name, value in (info or {}).items()},
        config={str(name): str(value) for name, value in config.items()},
        skew_ms=round(int(seconds) * 1000 + int(microseconds) / 1000 - ours_ms),
        foreign_keys=sum(1 for name in names if not _OURS.match(name)),
    )


async def warn_of_unsafe(redis: Redis) -> None:
    """Log `redis.unsafe` for every finding of a starting worker.

    Raises:
        RedisTooOld: this server cannot run our scripts.
        RedisError: it did not answer.
    """
    facts = await read_facts(redis)
    if is_too_old(facts):
        needed = ".".join(map(str, LEAST_VERSION))
        raise RedisTooOld(f"this is Redis {facts.info['redis_version']}; Trunkline needs {needed} or newer, or Valkey")
    for finding in findings_of(facts):
        if finding.severity not in _QUIET:
            _log.warning("redis.unsafe", finding=finding.name, what=finding.what, why=finding.why, fix=finding.fix)


async def _allowed(redis: Redis, *command: Any) -> Any:
    """Return the answer to a command, None if this server, or this user's rights, do not have it."""
    try:
        return await redis.execute_command(*command)
    except ResponseError:
        return None
