from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis as redis_py
from redis.asyncio import Redis

from tests.support.redis_server import RedisServer
from trunkline_client import (
    AsyncTrunkline,
    Cancellation,
    Handle,
    JobConflict,
    JobInvalid,
    NotAccepted,
    RedisUnavailable,
    Trunkline,
    keys,
)
from trunkline_client.words import JobState

pytestmark = pytest.mark.integration

JOB = {"tenant": "acme", "to": "+14155552671", "body": "Your code is 493817"}
SMS = JOB | {"channel": "sms"}
PAST = "2020-01-01T00:00:00Z"
FAR = datetime.now(UTC) + timedelta(days=30)


class Client:
    """Either client behind one awaitable face, so that every test runs against both."""

    def __init__(self, client: Trunkline | AsyncTrunkline) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            method = getattr(self._client, name)
            if inspect.iscoroutinefunction(method):
                return await method(*args, **kwargs)
            return await asyncio.to_thread(method, *args, **kwargs)

        return call


@pytest.fixture(params=["sync", "async"])
async def client(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[Client]:
    """The blocking and the asyncio client, in turn."""
    if request.param == "sync":
        with Trunkline(redis_url) as blocking:
            yield Client(blocking)
    else:
        async with AsyncTrunkline(redis_url) as awaiting:
            yield Client(awaiting)


async def test_an_sms_is_recorded_and_nudged_in_its_lane(client: Client, redis: Redis) -> None:
    handle = await client.send_sms(**JOB, priority="urgent")
    assert (handle.state, handle.created) == (JobState.QUEUED, True)
    assert await redis.hget(keys.job(handle.id), "channel") == "sms"
    assert await redis.llen("dispatch.urgent") == 1


async def test_a_voice_call_is_recorded_with_its_own_options(client: Client, redis: Redis) -> None:
    handle = await client.send_voice(**JOB, locale="en-GB", voice="Woman")
    assert await redis.hget(keys.job(handle.id), "options") == '{"locale":"en-GB","voice":"Woman"}'


async def test_a_nudge_carries_nothing_private(client: Client, redis: Redis) -> None:
    await client.send_sms(**JOB, user="user-17", metadata={"order": "A-77"})
    (nudge,) = await redis.lrange("dispatch.normal", 0, -1)
    assert not [secret for secret in ("4155552671", "493817", "user-17", "A-77") if secret in nudge]


async def test_the_same_job_again_returns_the_first(client: Client, redis: Redis) -> None:
    first = await client.send_sms(**JOB, id="order-1")
    again = await client.send_sms(**JOB, id="order-1", priority="normal")
    assert (first.created, again.created) == (True, False)
    assert await redis.llen("dispatch.normal") == 1


async def test_another_job_under_the_same_id_is_a_conflict(client: Client) -> None:
    await client.send_sms(**JOB, id="order-1")
    with pytest.raises(JobConflict, match="order-1"):
        await client.send_sms(**JOB | {"body": "Your code is 111111"}, id="order-1")


async def test_a_job_for_later_is_scheduled(client: Client, redis: Redis) -> None:
    handle = await client.send_sms(**JOB, send_at=FAR)
    assert handle.state is JobState.SCHEDULED
    assert await redis.llen("dispatch.normal") == 0


async def test_a_job_whose_life_is_over_is_refused(client: Client, redis: Redis) -> None:
    with pytest.raises(JobInvalid, match=r"^expires_at: "):
        await client.send_sms(**JOB, id="late", expires_at=PAST)
    assert not await redis.exists(keys.job("late"))


async def test_an_invalid_job_is_refused_before_redis_is_asked(client: Client, redis: Redis) -> None:
    with pytest.raises(JobInvalid, match=r"^to: "):
        await client.send_sms(**JOB | {"to": "4155552671"})
    assert await redis.keys() == []


async def test_many_jobs_get_a_handle_or_an_error_each_in_order(client: Client) -> None:
    other = SMS | {"body": "another"}
    sent = await client.send_many([SMS | {"id": "a"}, SMS | {"to": "x"}, other | {"id": "a"}, SMS | {"id": "b"}])
    assert [type(one) for one in sent] == [Handle, JobInvalid, JobConflict, Handle]
    assert [one.id for one in sent if isinstance(one, Handle)] == ["a", "b"]


async def test_more_jobs_than_a_pipeline_holds_all_arrive(client: Client, redis: Redis) -> None:
    sent = await client.send_many(SMS for _ in range(1201))
    assert len({one.id for one in sent}) == 1201
    assert await redis.zcard("tl:jobs:acme") == 1201


async def test_a_server_that_forgot_the_scripts_gets_them_again(client: Client, redis: Redis) -> None:
    await client.send_sms(**JOB)
    await redis.script_flush()
    assert (await client.send_sms(**JOB)).created


async def test_without_redis_a_job_is_not_accepted_and_its_id_is_told(
    client: Client, redis_server: RedisServer
) -> None:
    redis_server.kill()
    with pytest.raises(NotAccepted, match="order-1") as caught:
        await client.send_sms(**JOB, id="order-1")
    assert isinstance(caught.value.__cause__, redis_py.RedisError)


async def test_without_redis_every_one_of_many_jobs_can_be_sent_again(
    client: Client, redis_server: RedisServer, redis: Redis
) -> None:
    redis_server.kill()
    lost = await client.send_many([SMS] * 600)
    assert {type(one) for one in lost} == {NotAccepted}
    redis_server.start()
    again = await client.send_many(SMS | {"id": one.job_id} for one in lost)
    assert all(one.created for one in again)


async def test_a_full_redis_is_a_job_not_accepted(client: Client, redis: Redis) -> None:
    await redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(NotAccepted, match="Redis is full"):
            await client.send_sms(**JOB)
    finally:
        await redis.config_set("maxmemory", 0)


async def test_status_tells_a_queued_job(client: Client) -> None:
    handle = await client.send_sms(**JOB)
    status = await client.status(handle.id)
    assert (status["id"], status["state"], status["attempts"]) == (handle.id, "queued", [])


async def test_status_of_an_unknown_job_is_none(client: Client) -> None:
    assert await client.status("nobody") is None


async def test_a_queued_job_can_be_cancelled_and_cancelled_again(client: Client) -> None:
    handle = await client.send_sms(**JOB)
    assert await client.cancel(handle.id) is Cancellation.CANCELLED
    assert await client.cancel(handle.id) is Cancellation.CANCELLED
    assert (await client.status(handle.id))["state"] == "cancelled"


async def test_a_job_that_is_being_sent_is_too_late_to_cancel(client: Client, redis: Redis) -> None:
    handle = await client.send_sms(**JOB)
    await redis.hset(keys.job(handle.id), mapping={"state": "dispatching", "open": "1"})
    assert await client.cancel(handle.id) is Cancellation.TOO_LATE


async def test_an_unknown_job_cannot_be_cancelled_or_used(client: Client) -> None:
    assert await client.cancel("nobody") is Cancellation.UNKNOWN
    assert not await client.used("nobody")


async def test_only_the_first_use_of_a_code_counts(client: Client, redis: Redis) -> None:
    handle = await client.send_sms(**JOB)
    assert await client.used(handle.id)
    first = await redis.hget(keys.job(handle.id), "used_ms")
    assert await client.used(handle.id)
    assert await redis.hget(keys.job(handle.id), "used_ms") == first


async def test_questions_without_redis_say_so(client: Client, redis_server: RedisServer) -> None:
    redis_server.kill()
    for question in (client.status, client.cancel, client.used):
        with pytest.raises(RedisUnavailable, match="cannot be reached"):
            await question("order-1")


async def test_a_given_client_is_used_whether_it_decodes_or_not_and_stays_open(redis_url: str) -> None:
    with redis_py.Redis.from_url(redis_url) as plain:
        with Trunkline(redis=plain, new_id=lambda: "fixed") as trunkline:
            assert trunkline.send_sms(tenant="acme", to="+14155552671", body="Hello").id == "fixed"
            assert trunkline.status("fixed") is not None
        assert plain.ping()
