"""Jobs that share a message: many of one tenant and lane, brought in together from where they wait."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest

from providers.faults import Fault
from senders.model import TenantConfig
from tasks.dispatch import dispatch_many
from tasks.journal import Claimed, Journal, Left
from tasks.lease import GivenBack
from tests.support.flow import StaticConfigurations, config, refused, worker
from tests.support.journal import TextRedis, cancel, enqueue, named_in, nudges
from tests.support.places import contradictions, picture
from trunkline_client import AsyncTrunkline, Handle, keys
from trunkline_client.record import Follows
from trunkline_client.words import JobState, Lane

pytestmark = pytest.mark.integration

LIST: Final = "dispatch.normal"
JOB: Final = {"tenant": "acme", "channel": "sms", "to": "+12015550123", "body": "Your code is 493817"}


async def messages(redis: TextRedis, name: str = LIST) -> list[list[str]]:
    """Return the jobs that each message of a list names, the one served next first."""
    return [[job_id for job_id, _ in named_in(one)] for one in reversed(await redis.lrange(name, 0, -1))]


async def send(redis: TextRedis, count: int, **more: object) -> list[str]:
    """Enqueue jobs with the client; returns their ids."""
    sent = await AsyncTrunkline(redis=redis).send_many(JOB | {"id": f"job-{n:03}"} | more for n in range(count))
    return [one.id for one in sent if isinstance(one, Handle)]


async def in_order(redis: TextRedis) -> None:
    assert contradictions(await picture(redis), lane_window=64, head_starts=32) == []


async def test_a_few_jobs_together_come_one_by_one(redis: TextRedis) -> None:
    ids = await send(redis, 9)

    assert await messages(redis) == [[one] for one in ids]


async def test_of_many_jobs_the_first_come_alone_and_the_others_share_messages(redis: TextRedis) -> None:
    ids = await send(redis, 100)

    sizes = [len(one) for one in await messages(redis)]
    assert sizes == [1] * 8 + [16] * 3
    assert await nudges(redis) == ids[:56]
    assert await redis.zcard(keys.waiting(LIST, Lane.NORMAL, "acme")) == 44
    await in_order(redis)


async def test_each_tenant_and_lane_has_messages_of_its_own(redis: TextRedis) -> None:
    client = AsyncTrunkline(redis=redis)
    await client.send_many(JOB | {"tenant": f"t{n % 2}", "priority": ("urgent", "bulk")[n // 2 % 2]} for n in range(40))

    for lane in (Lane.URGENT, Lane.BULK):
        assert [len(one) for one in await messages(redis, f"dispatch.{lane}")] == [1] * 16 + [2, 2]
    await in_order(redis)


async def test_the_next_message_is_written_when_the_window_has_room_for_a_whole_one(
    redis: TextRedis, journal: Journal
) -> None:
    ids = await send(redis, 100)

    for number, job_id in enumerate(ids[:20], 1):
        await journal.claim(job_id, "1", "worker:a")
        assert len(await messages(redis)) == 11 + (number + 8) // 16
        await in_order(redis)


async def test_the_last_jobs_that_wait_need_no_room_for_more_than_they_are(redis: TextRedis, journal: Journal) -> None:
    ids = await send(redis, 64 + 2)
    assert len(await messages(redis)) == 11

    await journal.claim(ids[0], "1", "worker:a")
    await journal.claim(ids[1], "1", "worker:a")

    assert (await messages(redis))[-1] == ids[56:]


async def test_jobs_come_in_even_where_the_window_is_smaller_than_a_message(redis: TextRedis, journal: Journal) -> None:
    await redis.hset(keys.TUNING, "lane_window", 3)
    ids = await send(redis, 20)
    for job_id in ids:
        assert isinstance(await journal.claim(job_id, "1", "worker:a"), Claimed)


async def test_each_job_of_a_message_keeps_its_own_claim_and_nudge(redis: TextRedis, journal: Journal) -> None:
    ids = await send(redis, 20)

    assert isinstance(await journal.claim(ids[10], "1", "worker:a"), Claimed)
    assert isinstance(await journal.claim(ids[10], "1", "worker:b"), Left)
    assert await cancel(redis, ids[11]) == ("cancelled", "cancelled")
    assert isinstance(await journal.claim(ids[11], "1", "worker:b"), Left)
    assert isinstance(await journal.claim(ids[12], "2", "worker:b"), Left)
    assert isinstance(await journal.claim(ids[12], "1", "worker:b"), Claimed)
    await in_order(redis)


async def test_each_job_of_a_message_falls_back_on_its_own(redis: TextRedis) -> None:
    own = worker(redis, config(), twilio=[refused(Fault.GEO)])
    await send(redis, 40)

    reports = await own.serve()

    assert sum(one.state is JobState.SENT for one in reports) == 40
    assert len(own.syniverse.sent) == 40
    assert await redis.keys("dispatch.*") == []


@dataclass(slots=True)
class Failing:
    """Configurations that cannot be read at some of the times they are asked for."""

    errors: dict[int, Exception]
    asked: int = 0

    async def get(self, tenant: str, version: int) -> TenantConfig | None:
        self.asked += 1
        if self.asked in self.errors:
            raise self.errors[self.asked]
        return config()

    account = StaticConfigurations.account
    shortlist = StaticConfigurations.shortlist


@pytest.mark.parametrize(
    ("errors", "raised"),
    [
        ({3: LookupError("x")}, LookupError),
        ({3: LookupError("x"), 9: GivenBack("this worker stops")}, GivenBack),
    ],
)
async def test_what_goes_wrong_with_one_job_of_a_message_stops_none_of_the_others(
    redis: TextRedis, errors: dict[int, Exception], raised: type[Exception]
) -> None:
    own = worker(redis, config())
    services = replace(own.services, configurations=Failing(errors))
    ids = await send(redis, 12)

    with pytest.raises(raised):
        await dispatch_many(services, ids, ["1"] * 12)

    assert len(own.twilio.sent) == 12 - len(errors)


async def test_a_message_in_the_list_means_that_none_of_its_jobs_is_lost(redis: TextRedis, journal: Journal) -> None:
    ids = await send(redis, 20)
    await age(redis, ids)

    assert (await journal.sweep(100, 10_000)).renudged == 0


async def test_a_message_that_was_lost_is_healed_job_by_job(redis: TextRedis, journal: Journal) -> None:
    ids = await send(redis, 20)
    for _ in range(9):
        await redis.rpop(LIST)  # eight single ones, and the chunk
    await journal.claim(ids[10], "1", "worker:a")
    await age(redis, ids)

    assert (await journal.sweep(100, 10_000)).renudged == 19
    assert sorted(await nudges(redis)) == sorted({*ids} - {ids[10]})
    await in_order(redis)


async def age(redis: TextRedis, ids: list[str]) -> None:
    """Make nudges so old that they may be missed."""
    for job_id in ids:
        await redis.zadd(keys.placed(LIST, Lane.NORMAL), {job_id: 1}, xx=True)
        await redis.hset(keys.job(job_id), "placed_ms", 1)
    texts = [json.loads(one) for one in await redis.lrange(LIST, 0, -1)]
    await redis.delete(LIST)
    for text in texts:
        text["headers"]["placed_ms"] = 1
        await redis.rpush(LIST, json.dumps(text))


@pytest.mark.parametrize(
    ("job_id", "more", "status"),
    [("there", {}, "same"), ("there", {"body": "another"}, "conflict"), ("late", {"ttl_ms": -1}, "expired")],
)
async def test_what_relies_on_the_last_job_comes_in_whatever_becomes_of_that(
    redis: TextRedis, job_id: str, more: dict[str, Any], status: str
) -> None:
    await enqueue(redis, "there")
    for number in range(3):
        await enqueue(redis, f"job-{number}", follows=Follows.MORE)
    assert await nudges(redis) == ["there"]

    assert (await enqueue(redis, job_id, follows=Follows.LAST, **more))[0] == status

    assert await nudges(redis) == ["there", "job-0", "job-1", "job-2"]


async def test_what_relies_on_a_producer_that_died_comes_in_with_the_sweeper(
    redis: TextRedis, journal: Journal
) -> None:
    for number in range(3):
        await enqueue(redis, f"job-{number}", follows=Follows.MORE)

    assert (await journal.sweep(100, 10_000)).filled == 3
    assert await messages(redis) == [["job-0", "job-1", "job-2"]]


async def test_a_message_can_be_turned_off(redis: TextRedis) -> None:
    await redis.hset(keys.TUNING, "chunk_jobs", 1)
    ids = await send(redis, 10)

    assert await messages(redis) == [[one] for one in ids]
