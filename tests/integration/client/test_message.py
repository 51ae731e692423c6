from __future__ import annotations

import json
from typing import Any

import pytest
from kombu.connection import Connection
from redis.asyncio import Redis

from tests.support.enqueue_page import example
from tests.support.jobs import SMS
from trunkline_client import AsyncTrunkline, keys
from trunkline_client.connection import celery_broker
from trunkline_client.message import SUBMIT_TASK, chunk, nudge, submit_message
from trunkline_client.scripts import prelude
from trunkline_client.words import Lane

pytestmark = pytest.mark.integration

ID = "a:b.c-d_1"
WRITTEN_BY_SCRIPT = (
    prelude() + "\nreturn nudge(ARGV[1], tonumber(ARGV[2]), {tenant=ARGV[3], lane=ARGV[4], queue=ARGV[5]}, ARGV[6])"
)


CHUNK_BY_SCRIPT = (
    prelude() + "\nreturn chunk({ARGV[1], 'two'}, {12, 1}, {tenant=ARGV[2], lane=ARGV[3], queue=ARGV[4]}, ARGV[5])"
)


@pytest.mark.parametrize("lane", list(Lane))
@pytest.mark.parametrize("queue", keys.ALL_QUEUES)
async def test_the_nudge_of_the_scripts_is_the_one_the_builder_returns(redis: Redis, queue: str, lane: Lane) -> None:
    written = await redis.eval(WRITTEN_BY_SCRIPT, 0, ID, 12, "acme", lane, queue, 1_896_082_200_123)
    assert json.loads(written) == nudge(ID, 12, "acme", lane, queue, 1_896_082_200_123)


@pytest.mark.parametrize("queue", ["dispatch.bulk", "fallback.syniverse"])
async def test_the_chunk_of_the_scripts_is_the_one_the_builder_returns(redis: Redis, queue: str) -> None:
    written = await redis.eval(CHUNK_BY_SCRIPT, 0, ID, "acme", "bulk", queue, 1_896_082_200_123)
    assert json.loads(written) == chunk([ID, "two"], [12, 1], "acme", Lane.BULK, queue, 1_896_082_200_123)


async def test_enqueueing_writes_that_nudge(redis: Redis) -> None:
    await AsyncTrunkline(redis=redis).send_sms(tenant="acme", to="+14155552671", body="Hello", id=ID)
    (written,) = await redis.lrange("dispatch.normal", 0, -1)
    placed_ms = int(await redis.hget(keys.job(ID), "placed_ms") or 0)
    assert json.loads(written) == nudge(ID, 1, "acme", Lane.NORMAL, "dispatch.normal", placed_ms)


def pushed(job: dict[str, Any]) -> tuple[str, str]:
    return "dispatch.normal", json.dumps(submit_message(job, "task-1", "dispatch.normal"))


@pytest.mark.parametrize(("queue", "text"), [pushed(SMS | {"body": "Grüße 👋"}), example()])
async def test_kombu_reads_a_submit_message(redis: Redis, redis_url: str, queue: str, text: str) -> None:
    await redis.lpush(queue, text)
    ((job,), _, _) = json.loads(json.loads(text)["body"])
    url, options = celery_broker(redis_url)
    with Connection(url, transport_options=options) as connection:  # type: ignore[no-untyped-call]
        message = connection.default_channel.basic_get(queue)
        assert message.decode()[0] == [job]
        assert (message.headers["task"], message.headers["argsrepr"]) == (SUBMIT_TASK, "(***)")
