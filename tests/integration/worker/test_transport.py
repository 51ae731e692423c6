"""What our transport keeps of the messages it has taken, on a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from kombu.connection import Connection
from pydantic import SecretStr
from redis import Redis

from trunkline_client.message import nudge, submit_message
from trunkline_client.words import Lane
from worker.broker import configuration
from worker.settings import BrokerSettings

pytestmark = pytest.mark.integration

QUEUE = "dispatch.urgent"
NUDGE = nudge("job-1", 1, "acme", Lane.URGENT, QUEUE, 0)
SUBMIT = submit_message({"tenant": "acme"}, "job-2", QUEUE)


@pytest.fixture
def server(redis_url: str) -> Iterator[Any]:
    with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


def take(server: Any, url: str, message: dict[str, Any]) -> Any:
    """Take a message off its queue and return the channel that has it in hand."""
    server.lpush(QUEUE, json.dumps(message))
    chosen = configuration(BrokerSettings(redis_url=SecretStr(url)))
    transport, options = chosen["broker_transport"], chosen["broker_transport_options"]
    connect: Any = Connection  # kombu ships no types
    channel = connect(url, transport=transport, transport_options=options).channel()
    assert channel.basic_get(QUEUE) is not None
    assert server.llen(QUEUE) == 0
    return channel


def tag(message: dict[str, Any]) -> str:
    return str(message["properties"]["delivery_tag"])


def test_a_nudge_in_hand_is_not_kept_in_redis(server: Any, redis_url: str) -> None:
    channel = take(server, redis_url, NUDGE)

    assert server.exists("unacked", "unacked_index") == 0
    channel.basic_ack(tag(NUDGE))
    channel.close()
    assert server.exists(QUEUE, "unacked", "unacked_index") == 0


def test_a_submitted_job_in_hand_is_kept_until_it_is_acknowledged(server: Any, redis_url: str) -> None:
    channel = take(server, redis_url, SUBMIT)

    assert server.hkeys("unacked") == server.zrange("unacked_index", 0, -1) == [tag(SUBMIT)]
    channel.basic_ack(tag(SUBMIT))
    channel.close()
    assert server.exists(QUEUE, "unacked", "unacked_index") == 0


@pytest.mark.parametrize("message", [NUDGE, SUBMIT], ids=["nudge", "submit"])
@pytest.mark.parametrize("refused", [False, True], ids=["closed", "refused"])
def test_what_is_in_hand_goes_back_whole(server: Any, redis_url: str, message: dict[str, Any], refused: bool) -> None:
    channel = take(server, redis_url, message)

    if refused:
        channel.basic_reject(tag(message), requeue=True)
    channel.close()

    (back,) = server.lrange(QUEUE, 0, -1)
    assert json.loads(back)["headers"]["id"] == message["headers"]["id"]
    assert json.loads(back)["body"] == message["body"]
    assert server.exists("unacked", "unacked_index") == 0


@pytest.mark.parametrize("message", [NUDGE, SUBMIT], ids=["nudge", "submit"])
@pytest.mark.parametrize("refused", [False, True], ids=["closed", "refused"])
def test_what_is_in_hand_goes_back_to_a_full_redis_too(
    server: Any,
    redis_url: str,
    message: dict[str, Any],
    refused: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    channel = take(server, redis_url, message)

    server.config_set("maxmemory", "1")
    try:
        if refused:
            channel.basic_reject(tag(message), requeue=True)
        channel.close()
    finally:
        server.config_set("maxmemory", "0")

    (back,) = server.lrange(QUEUE, 0, -1)
    assert json.loads(back)["body"] == message["body"]
    assert caplog.records == []
