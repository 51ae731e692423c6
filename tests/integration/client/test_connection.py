from __future__ import annotations

import pytest
from kombu.connection import Connection
from redis.asyncio import Redis

from tests.support.redis_server import RedisServer
from trunkline_client.connection import celery_broker, open_async, open_sync

pytestmark = pytest.mark.integration


async def test_an_asyncio_client_answers_in_text(redis: Redis) -> None:
    await redis.set("key", "value")
    assert await redis.get("key") == "value"


def test_a_blocking_client_answers_in_text(redis_url: str) -> None:
    with open_sync(redis_url) as client:
        client.set("key", "value")
        assert client.get("key") == "value"


async def test_a_client_shows_its_name(redis_url: str) -> None:
    async with open_async(redis_url, client_name="trunkline-worker") as client:
        assert await client.client_getname() == "trunkline-worker"


async def test_a_client_rides_out_a_restart_of_the_server(redis_server: RedisServer, redis: Redis) -> None:
    await redis.ping()
    redis_server.kill()
    redis_server.start()
    assert await redis.ping()


def test_celery_reaches_the_server_through_the_translated_address(redis_url: str) -> None:
    url, options = celery_broker(redis_url)
    with Connection(url, transport_options=options) as connection:  # type: ignore[no-untyped-call]
        queue = connection.SimpleQueue("probe")
        queue.put({"ping": 1})
        assert queue.get(timeout=5).payload == {"ping": 1}
        queue.close()
