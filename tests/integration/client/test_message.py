from __future__ import annotations

import json

import pytest
from kombu import Connection
from redis.asyncio import Redis

from trunkline_client import AsyncTrunkline
from trunkline_client.connection import celery_broker
from trunkline_client.message import SUBMIT_TASK, nudge, submit_message
from trunkline_client.words import Lane

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("lane", list(Lane))
async def test_the_nudge_the_script_writes_is_the_one_the_builder_returns(redis: Redis, lane: Lane) -> None:
    queue = f"dispatch.{lane}"
    client = AsyncTrunkline(redis=redis)
    handle = await client.send_sms(tenant="acme", to="+14155552671", body="Hello", priority=lane, id="a:b.c-d_1")
    (written,) = await redis.lrange(queue, 0, -1)
    placed_ms = int(await redis.hget(f"tl:job:{handle.id}", "placed_ms"))
    assert json.loads(written) == nudge(handle.id, 1, "acme", lane, queue, placed_ms)


async def test_kombu_reads_a_submit_message(redis: Redis, redis_url: str) -> None:
    job = {"tenant": "acme", "channel": "sms", "to": "+14155552671", "body": "Grüße 👋"}
    await redis.lpush("dispatch.normal", json.dumps(submit_message(job, "task-1", "dispatch.normal")))
    url, options = celery_broker(redis_url)
    with Connection(url, transport_options=options) as connection:
        message = connection.default_channel.basic_get("dispatch.normal")
        assert message is not None
        assert message.decode()[0] == [job]
        assert (message.headers["task"], message.headers["argsrepr"]) == (SUBMIT_TASK, "('***',)")
