"""arq, asyncio. `python -m benchmarks.peers.arq_app N` enqueues."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvloop
from arq import create_pool
from arq.connections import RedisSettings

from benchmarks.peers import sending

AT_A_TIME = 32
asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
asyncio.set_event_loop(asyncio.new_event_loop())


async def open_client(context: dict[Any, Any]) -> None:
    """Open one client for all jobs of the process."""
    context["client"] = sending.aiohttp_client()


async def send(context: dict[Any, Any], body: str) -> None:
    """Send one message."""
    await sending.send_by_asyncio(context["client"], body)


class WorkerSettings:
    """What the command `arq` reads; it asks for new jobs this often, and every half second by default."""

    functions = (send,)
    redis_settings = RedisSettings.from_dsn(sending.REDIS_URL)
    on_startup = open_client
    max_jobs = sending.IN_FLIGHT
    poll_delay = 0.02
    keep_result = 0
    log_results = False


async def main() -> None:
    """Enqueue so many messages."""
    pool = await create_pool(WorkerSettings.redis_settings)
    waiting = sending.bodies(int(sys.argv[1]))

    async def enqueue() -> None:
        for body in waiting:
            await pool.enqueue_job("send", body)

    await asyncio.gather(*(enqueue() for _ in range(AT_A_TIME)))
    await pool.aclose()


if __name__ == "__main__":
    asyncio.run(main())
