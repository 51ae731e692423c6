"""Counting how jobs ended, what the dead letters failed by, and what a tenant waits for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from providers.faults import Fault
from tasks import stats as stats_module
from tasks.replay import Replays, Terms
from tasks.stats import Stats
from tests.support.flow import ACCEPTED, config, refused, worker
from tests.support.journal import TextRedis, cancel, enqueue, now_ms
from trunkline_client import keys
from trunkline_client.words import Lane

pytestmark = pytest.mark.integration

EVER = datetime(2020, 1, 1, tzinfo=UTC)


async def some_jobs(redis: TextRedis) -> None:
    """One is sent at once, one after a fallback, two fail, one is cancelled; another tenant's is rejected."""
    for number in range(4):
        await enqueue(redis, f"job-{number}")
    one = worker(
        redis,
        config(),
        twilio=[ACCEPTED, refused(Fault.AUTH)],
        syniverse=[ACCEPTED, refused(Fault.GEO)],
    )
    await one.serve()
    await enqueue(redis, "job-4")
    await cancel(redis, "job-4")
    await enqueue(redis, "other", tenant="globex", options={"policy": "none"})
    await worker(redis, None).serve()


async def test_ends_are_counted_by_what_ended_them(redis: TextRedis) -> None:
    await some_jobs(redis)

    ended = await Stats(redis).ended(EVER, tenant="acme")
    assert ended.states == {"sent": 2, "failed": 2, "cancelled": 1}
    assert (ended.faults, ended.rules) == ({"geo": 2}, {})
    assert ended.providers == {"twilio": 1, "syniverse": 1}
    assert (ended.fell_back, ended.fallback_share, ended.since) == (1, 0.5, EVER)
    assert sum((await Stats(redis).ended(EVER)).states.values()) == 6


async def test_the_count_goes_on_over_many_steps(redis: TextRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    await some_jobs(redis)
    whole = await Stats(redis).ended(EVER), await Stats(redis).dead_by_fault()

    for name in ("_EVENTS_IN_A_STEP", "_DEAD_IN_A_STEP"):
        monkeypatch.setattr(stats_module, name, 1)
    assert (await Stats(redis).ended(EVER), await Stats(redis).dead_by_fault()) == whole


async def test_only_what_ended_in_the_time_is_counted(redis: TextRedis) -> None:
    await some_jobs(redis)

    later = datetime.fromtimestamp(await now_ms(redis) / 1000, tz=UTC) + timedelta(seconds=1)
    ended = await Stats(redis).ended(later)
    assert (ended.states, ended.fallback_share, ended.since) == ({}, None, later)


@pytest.mark.parametrize("events", [3, 0])
async def test_what_was_dropped_or_never_kept_is_told(redis: TextRedis, events: int) -> None:
    await redis.hset(keys.TUNING, "events", events)
    await some_jobs(redis)
    await redis.xtrim(keys.EVENTS, maxlen=events)

    since = (await Stats(redis).ended(EVER)).since
    assert since is None if events == 0 else since is not None and since > EVER


async def test_dead_letters_are_counted_as_they_are_now(redis: TextRedis) -> None:
    await some_jobs(redis)
    assert await Stats(redis).dead_by_fault(tenant="acme") == {"geo": 2}
    assert await Stats(redis).dead_by_fault(tenant="initech") == {}

    await Replays(redis, actor="ops", run="run-1").replay(["job-2"], Terms())
    assert await Stats(redis).dead_by_fault() == {"geo": 1, "no_chain": 1}


async def test_a_tenants_share_of_each_lane_is_told(redis: TextRedis) -> None:
    await redis.hset(keys.TUNING, "lane_window", 2)
    for number in range(5):
        await enqueue(redis, f"b-{number}", lane=Lane.BULK)
    await enqueue(redis, "other", tenant="globex", lane=Lane.BULK)
    await redis.hincrby(keys.job("b-0"), "due_ms", -60_000)

    (bulk,) = [lane for lane in await Stats(redis).lanes_of("acme") if lane.jobs]
    assert (bulk.queue, bulk.in_lane, bulk.waiting) == ("dispatch.bulk", 2, 3)
    assert bulk.oldest_age is not None
    assert bulk.oldest_age >= timedelta(minutes=1)
