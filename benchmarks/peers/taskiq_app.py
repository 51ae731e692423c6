"""taskiq on Redis lists or streams, asyncio. `python -m benchmarks.peers.taskiq_app N` enqueues."""

from __future__ import annotations

import asyncio
import os
import sys

import httpx
from taskiq import TaskiqEvents, TaskiqState
from taskiq_redis import ListQueueBroker, RedisStreamBroker

from benchmarks.peers import sending

AT_A_TIME = 32
_brokers = {"list": ListQueueBroker, "stream": RedisStreamBroker}
broker = _brokers[os.environ.get("BENCH_TASKIQ_BROKER", "stream")](sending.REDIS_URL)
_clients: list[httpx.AsyncClient] = []


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def open_client(_: TaskiqState) -> None:
    """Open one client for all tasks of the process."""
    _clients.append(sending.aiohttp_client())


@broker.task(task_name="send")
async def send(body: str) -> None:
    """Send one message."""
    await sending.send_by_asyncio(_clients[0], body)


async def main() -> None:
    """Enqueue so many messages."""
    await broker.startup()
    waiting = sending.bodies(int(sys.argv[1]))

    async def enqueue() -> None:
        for body in waiting:
            await send.kiq(body)

    await asyncio.gather(*(enqueue() for _ in range(AT_A_TIME)))
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
