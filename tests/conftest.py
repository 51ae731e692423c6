"""The suite's real Redis: one server per pytest process, empty at the start of each test."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import HealthCheck, settings
from redis.asyncio import Redis

from tests.support.redis_server import RedisServer
from trunkline_client.connection import open_async

# The first draw of a text builds Hypothesis's Unicode tables: 2.6 s in a fresh clone, which says nothing of our code.
# A developer's runs try other examples each time; those of CI are the same for the same code.
settings.register_profile(
    "trunkline",
    settings(),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
settings.load_profile("trunkline")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file on one process of xdist, since they share fixtures, unless they name a group."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(str(item.path)))


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A running server that lives as long as this pytest process; a test may kill it and need not start it again."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The address of an empty server."""
    if not redis_server.running:
        redis_server.start()
    redis_server.flush()
    return redis_server.url


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """An asyncio client to an empty server, made by the factory that production uses; answers are text."""
    client = open_async(redis_url)
    yield client
    await client.aclose()
