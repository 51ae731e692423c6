"""Records jobs through `enqueue.lua` itself, for tests of the scripts."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any

from redis.exceptions import ResponseError

from trunkline_client import keys
from trunkline_client.record import Follows
from trunkline_client.scripts import load
from trunkline_client.words import Lane

TENANT = "acme"

#: A client that answers in text: redis-py's own types say `bytes | str` for every client.
TextRedis = Any


@cache
def client_script(name: str) -> str:
    """Return a script of the client as Redis runs it."""
    return load(name).text


async def enqueue(
    redis: TextRedis,
    job_id: str = "job-1",
    *,
    tenant: str = TENANT,
    lane: Lane = Lane.NORMAL,
    channel: str = "sms",
    to: str = "+12015550123",
    body: str = "Your code is 493817",
    user: str | None = None,
    options: dict[str, Any] | None = None,
    send_at_ms: int | None = None,
    expires_at_ms: int | None = None,
    ttl_ms: int | None = None,
    follows: Follows = Follows.NONE,
) -> tuple[str, str]:
    """Enqueue one job; returns the script's status and the job's state."""
    content = "plain:" + json.dumps({"to": to, "body": body} | ({"user": user} if user else {}))
    digest = hashlib.sha256(f"{tenant}{lane}{channel}{content}".encode()).hexdigest()
    arguments: list[Any] = [job_id, digest, tenant, channel, lane.value, content, json.dumps(options or {})]
    arguments += [
        "" if send_at_ms is None else send_at_ms,
        "" if expires_at_ms is None else expires_at_ms,
        "" if ttl_ms is None else ttl_ms,
        round(lane.default_life.total_seconds() * 1000),
        1,
        follows.value,
    ]
    status, state = await redis.register_script(client_script("enqueue"))(keys=[keys.job(job_id)], args=arguments)
    return status, state


async def cancel(redis: TextRedis, job_id: str = "job-1") -> tuple[str, str]:
    """Cancel one job; returns the script's status and the job's state."""
    status, state = await redis.register_script(client_script("cancel"))(keys=[keys.job(job_id)], args=[job_id])
    return status, state


def named_in(message: str) -> list[tuple[str, str]]:
    """Return the jobs that a message names, in order, and for each the hop of its nudge."""
    decoded = json.loads(message)
    named, headers = json.loads(decoded["body"])[0][0], decoded["headers"]
    if isinstance(named, str):
        return [(named, headers["id"].removeprefix(f"{named}."))]
    return [(job_id, str(hop)) for job_id, hop in zip(named, headers["hops"], strict=True)]


async def nudges(redis: TextRedis, queue: str = "dispatch.normal", lane: Lane = Lane.NORMAL) -> list[str]:
    """Return the job ids nudged in a lane, the one served next first."""
    messages = await redis.lrange(keys.broker_list(queue, lane), 0, -1)
    return [job_id for message in reversed(messages) for job_id, _ in named_in(message)]


async def now_ms(redis: TextRedis) -> int:
    """Return Redis time."""
    seconds, microseconds = await redis.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


async def end_ms(redis: TextRedis, key: str) -> int:
    """Return the Redis time at which a key ends; Redis 6.2 only tells how long that is from now."""
    try:
        return int(await redis.pexpiretime(key))
    except ResponseError:
        while True:
            before, left_ms = await now_ms(redis), int(await redis.pttl(key))
            if await now_ms(redis) == before:
                return before + left_ms


async def snapshot(redis: TextRedis) -> dict[str, Any]:
    """Return everything in the database, to compare before and after; times to live as whether there is one."""
    kept: dict[str, Any] = {}
    for key in sorted(await redis.keys("*")):
        match await redis.type(key):
            case "hash":
                value: Any = await redis.hgetall(key)
            case "list":
                value = await redis.lrange(key, 0, -1)
            case "set":
                value = sorted(await redis.smembers(key))
            case "zset":
                value = await redis.zrange(key, 0, -1, withscores=True)
            case "stream":
                value = await redis.xrange(key)
            case _:
                value = await redis.get(key)
        kept[key] = (value, await redis.pttl(key) > 0)
    return kept
