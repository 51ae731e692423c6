"""The backlog, compared with a count by hand of everything that is in the database."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import timedelta

import pytest

from providers.faults import Fault
from tasks import moves
from tasks.backlog import LANES, LONGEST_WAITING, BacklogReader
from tasks.journal import Claimed, Journal
from tests.support.hands import fallback
from tests.support.journal import TextRedis, enqueue, now_ms
from tests.support.places import Picture, picture
from trunkline_client import keys
from trunkline_client.words import Lane, Place

pytestmark = pytest.mark.integration


async def scatter(redis: TextRedis, journal: Journal, seed: int) -> None:
    """Put jobs of several tenants into every place there is."""
    choose = random.Random(seed)  # noqa: S311 -- a test that can be repeated
    await redis.hset(keys.TUNING, "lane_window", choose.choice([1, 3, 64]))
    start_ms = await now_ms(redis)
    for number in range(80):
        job_id, tenant = f"job-{number}", f"tenant-{choose.randrange(6)}"
        lane = choose.choice(list(Lane))
        later = choose.random() < 0.1
        await enqueue(redis, job_id, tenant=tenant, lane=lane, send_at_ms=start_ms + 60_000 if later else None)
        # what was enqueued earlier became due earlier
        due_ms = start_ms - (100_000 - 1000 * number)
        if not later:
            await redis.hset(keys.job(job_id), "due_ms", due_ms)
        if choose.random() < 0.2:
            claimed = await journal.claim(job_id, "", f"w:{number}")
            if isinstance(claimed, Claimed):
                await _go_on(redis, claimed, choose)


async def _go_on(redis: TextRedis, claimed: Claimed, choose: random.Random) -> None:
    """Leave the job in hand, hold it, end it as failed, or bring it to the queue of another provider."""
    queue = choose.choice(keys.FALLBACK_QUEUES)
    move = choose.choice([None, moves.held(), moves.failed(Fault.AUTH), fallback(queue)])
    if move is not None:
        await Journal(redis, lease_ms=10_000).finish(claimed, move, sealed_content="f1:sealed")


@pytest.mark.parametrize("seed", range(12))
async def test_the_backlog_is_what_a_count_by_hand_finds(redis: TextRedis, journal: Journal, seed: int) -> None:
    await scatter(redis, journal, seed)
    before_ms = await now_ms(redis)
    backlog = await BacklogReader(redis).read()
    after_ms = await now_ms(redis)
    now = await picture(redis)
    jobs, due = _by_hand(now)
    assert [(one.queue, one.lane) for one in backlog.lanes] == list(LANES)
    for one in backlog.lanes:
        place = (one.queue, one.lane.value)
        assert (one.in_lane, one.waiting) == (jobs[*place, "lane"], jobs[*place, "waiting"])
        if not due[place]:
            assert one.oldest_age is None
        else:
            assert one.oldest_age is not None
            assert before_ms <= min(due[place]) + one.oldest_age / timedelta(milliseconds=1) <= after_ms
    places = Counter(job.get("place") for job in now.records.values())
    assert (backlog.delayed, backlog.in_hand, backlog.held) == (
        places[Place.DELAYED],
        places[Place.ATTEMPT],
        places[Place.HELD],
    )
    assert backlog.dead == sum(job["state"] == "failed" for job in now.records.values())
    assert (backlog.damaged, backlog.overdue) == (0, 0)
    waits = Counter(job["tenant"] for job in now.records.values() if job.get("place") == Place.WAITING)
    assert {wait.tenant: wait.jobs for wait in backlog.longest_waiting} == waits
    ages = [wait.oldest_age for wait in backlog.longest_waiting]
    assert ages == sorted(ages, key=lambda age: age or timedelta(0), reverse=True)


def _by_hand(now: Picture) -> tuple[Counter[tuple[str, str, str]], defaultdict[tuple[str, str], list[int]]]:
    """Return how many jobs of each lane are in it or wait for it, and when they became due."""
    jobs: Counter[tuple[str, str, str]] = Counter()
    due: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for job in now.records.values():
        if job.get("place") in {Place.LANE, Place.WAITING}:
            jobs[job["queue"], job["lane"], job["place"]] += 1
            due[job["queue"], job["lane"]].append(int(job["due_ms"]))
    return jobs, due


async def test_an_empty_database_has_no_backlog(redis: TextRedis) -> None:
    backlog = await BacklogReader(redis).read()
    assert (backlog.jobs, backlog.waiting_tenants, backlog.longest_waiting) == (0, 0, ())
    assert {one.oldest_age for one in backlog.lanes} == {None}


async def test_the_tenants_that_wait_longest_are_named_and_the_others_counted(redis: TextRedis) -> None:
    await redis.hset(keys.TUNING, "lane_window", 1)
    for tenant in range(LONGEST_WAITING + 30):
        await enqueue(redis, f"first-{tenant}", tenant=f"t{tenant:03}")
        for number in range(2):
            await enqueue(redis, f"waits-{tenant}-{number}", tenant=f"t{tenant:03}")
            await redis.hset(keys.job(f"waits-{tenant}-{number}"), "due_ms", 1_000 * tenant + number)
    backlog = await BacklogReader(redis).read()
    assert [wait.tenant for wait in backlog.longest_waiting] == [f"t{n:03}" for n in range(LONGEST_WAITING)]
    assert {wait.jobs for wait in backlog.longest_waiting} == {2}
    assert backlog.waiting_tenants == LONGEST_WAITING + 30


async def test_every_page_of_waiting_tenants_is_read(redis: TextRedis) -> None:
    await redis.hset(keys.TUNING, "lane_window", 1)
    for tenant in range(1000):
        await redis.zadd(keys.waiting("dispatch.bulk", Lane.BULK, f"t{tenant}"), {f"job-{tenant}": 1})
        await redis.sadd(keys.WAITERS, keys.waiting("dispatch.bulk", Lane.BULK, f"t{tenant}"))
    backlog = await BacklogReader(redis).read()
    bulk = next(one for one in backlog.lanes if one.queue == "dispatch.bulk")
    assert (bulk.waiting, backlog.waiting_tenants, bulk.oldest_age) == (1000, 1000, None)


async def test_a_waiting_set_that_is_none_of_ours_takes_no_view_of_the_others(redis: TextRedis) -> None:
    await redis.zadd(keys.waiting("dispatch.bulk", Lane.BULK, "acme"), {"job-1": 1})
    await redis.zadd("tl:waiting:junk", {"job-2": 1})
    await redis.sadd(keys.WAITERS, keys.waiting("dispatch.bulk", Lane.BULK, "acme"), "tl:waiting:junk")
    backlog = await BacklogReader(redis).read()
    assert (backlog.jobs, backlog.waiting_tenants) == (1, 1)


async def test_what_is_overdue_and_damaged_is_counted(redis: TextRedis) -> None:
    now = await now_ms(redis)
    await redis.zadd(keys.DELAYED, {"due": now - 1000, "not-yet": now + 60_000})
    await redis.zadd(keys.DAMAGED, {"broken": now})
    backlog = await BacklogReader(redis).read()
    assert (backlog.delayed, backlog.overdue, backlog.damaged) == (2, 1, 1)


def test_the_parts_of_a_waiting_set_are_those_it_was_named_with() -> None:
    key = keys.waiting("fallback.syniverse", Lane.URGENT, "a:b.c_d")
    assert keys.parts_of_waiting(key) == ("fallback.syniverse", "urgent", "a:b.c_d")
