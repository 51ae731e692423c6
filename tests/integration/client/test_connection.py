from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from kombu.connection import Connection
from redis.asyncio import Redis

from tests.support.redis_server import RedisServer, free_port
from trunkline_client import AsyncTrunkline, Trunkline
from trunkline_client import connection as connection_module
from trunkline_client.connection import celery_broker, open_async, open_sync
from trunkline_client.errors import NotAccepted

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


@pytest.fixture
def silent_server() -> Iterator[tuple[str, socket.socket]]:
    """The address of a server that accepts and never answers, and its socket."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0", server


def connections_to(server: socket.socket) -> int:
    """Return how many connections wait to be accepted."""
    server.setblocking(False)
    count = 0
    with suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            count += 1
    return count


def test_a_producer_tries_a_server_that_does_not_answer_once(
    silent_server: tuple[str, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "SOCKET_TIMEOUT_S", 0.1)
    url, server = silent_server
    with Trunkline(url) as client, pytest.raises(NotAccepted, match="did not answer in time"):
        client.send_sms(tenant="acme", to="+14155552671", body="Hello")
    assert connections_to(server) == 1


async def test_an_asyncio_producer_tries_a_server_that_does_not_answer_once(
    silent_server: tuple[str, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "SOCKET_TIMEOUT_S", 0.1)
    url, server = silent_server
    async with AsyncTrunkline(url) as client:
        with pytest.raises(NotAccepted, match="did not answer in time"):
            await client.send_sms(tenant="acme", to="+14155552671", body="Hello")
    assert connections_to(server) == 1


def test_celery_reaches_the_server_through_the_translated_address(redis_url: str) -> None:
    url, options = celery_broker(redis_url)
    with Connection(url, transport_options=options) as connection:  # type: ignore[no-untyped-call]
        queue = connection.SimpleQueue("probe")
        queue.put({"ping": 1})
        assert queue.get(timeout=5).payload == {"ping": 1}
        queue.close()


async def test_a_demoted_master_is_left_for_whoever_has_its_name_next(redis_url: str, redis: Redis) -> None:
    await redis.replicaof("127.0.0.1", free_port())
    try:
        async with AsyncTrunkline(redis_url) as client:
            with pytest.raises(NotAccepted, match="Redis cannot be reached"):
                await client.send_sms(tenant="acme", to="+12015550123", body="hello", id="job-1")
            await redis.replicaof("NO", "ONE")
            assert (await client.send_sms(tenant="acme", to="+12015550123", body="hello", id="job-1")).created
    finally:
        await redis.replicaof("NO", "ONE")
