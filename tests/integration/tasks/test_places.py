"""The places of a job, moved by the real scripts on a real server."""

from __future__ import annotations

import json

import pytest

from tasks.journal import Claimed, Journal, Left
from tests.support.journal import TextRedis, cancel, enqueue, now_ms, nudges, snapshot
from trunkline_client import keys
from trunkline_client.words import Lane

pytestmark = pytest.mark.integration


async def test_a_new_job_is_recorded_and_nudged_once(redis: TextRedis) -> None:
    assert await enqueue(redis) == ("created", "queued")

    assert await nudges(redis) == ["job-1"]
    assert await redis.hmget(keys.job("job-1"), "state", "place") == ["queued", "lane"]


async def test_the_nudge_names_the_job_and_nothing_private(redis: TextRedis) -> None:
    await enqueue(redis)

    message = (await redis.lrange("dispatch.normal", 0, -1))[0]

    assert json.loads(message)["headers"]["argsrepr"] == "('job-1', 'acme', 'normal')"
    assert json.loads(message)["headers"]["id"] == json.loads(message)["properties"]["delivery_tag"] == "job-1.1"
    assert "+1201" not in message
    assert "493817" not in message


async def test_the_same_job_again_returns_the_first_and_changes_nothing(redis: TextRedis) -> None:
    await enqueue(redis)
    before = await snapshot(redis)

    assert await enqueue(redis) == ("same", "queued")
    assert await snapshot(redis) == before


async def test_another_job_under_the_same_id_is_a_conflict_and_changes_nothing(redis: TextRedis) -> None:
    await enqueue(redis)
    before = await snapshot(redis)

    assert (await enqueue(redis, body="Your code is 111111"))[0] == "conflict"
    assert await snapshot(redis) == before


async def test_a_job_whose_life_is_over_is_not_recorded(redis: TextRedis) -> None:
    assert (await enqueue(redis, expires_at_ms=await now_ms(redis) - 1))[0] == "expired"
    assert await snapshot(redis) == {}


async def test_a_job_for_later_is_scheduled_and_not_nudged(redis: TextRedis) -> None:
    assert await enqueue(redis, send_at_ms=await now_ms(redis) + 60_000) == ("created", "scheduled")

    assert await nudges(redis) == []
    assert await redis.zrange(keys.DELAYED, 0, -1) == ["job-1"]


async def test_the_mover_brings_a_due_job_into_its_lane(redis: TextRedis, journal: Journal) -> None:
    await enqueue(redis, send_at_ms=await now_ms(redis) + 60_000)
    await redis.zadd(keys.DELAYED, {"job-1": 0})

    assert (await journal.move_due(10))[0] == 1
    assert await nudges(redis) == ["job-1"]


async def test_beyond_the_window_a_tenants_jobs_wait(redis: TextRedis) -> None:
    await redis.hset(keys.TUNING, "lane_window", 2)
    for number in range(5):
        await enqueue(redis, f"job-{number}")

    assert await nudges(redis) == ["job-0", "job-1"]
    assert await redis.zrange(keys.waiting("dispatch.normal", Lane.NORMAL, "acme"), 0, -1) == [
        "job-2",
        "job-3",
        "job-4",
    ]


async def test_a_claim_brings_the_tenants_next_job_into_the_lane(redis: TextRedis, journal: Journal) -> None:
    await redis.hset(keys.TUNING, mapping={"lane_window": 2, "chunk_jobs": 1})
    for number in range(4):
        await enqueue(redis, f"job-{number}")

    await journal.claim("job-0", "1", "worker:a")

    assert await nudges(redis) == ["job-0", "job-1", "job-2"]  # job-0's own nudge is the broker's to remove
    assert await redis.smembers(keys.window("dispatch.normal", Lane.NORMAL, "acme")) == {"job-1", "job-2"}


async def test_a_cancel_brings_the_tenants_next_job_into_the_lane(redis: TextRedis) -> None:
    await redis.hset(keys.TUNING, "lane_window", 1)
    await enqueue(redis, "job-0")
    await enqueue(redis, "job-1")

    await cancel(redis, "job-0")

    assert (await nudges(redis))[-1] == "job-1"


async def test_the_few_jobs_of_a_quiet_tenant_start_ahead_of_a_flooding_one(redis: TextRedis) -> None:
    for number in range(10):
        await enqueue(redis, f"flood-{number}", tenant="flood")

    for number in range(9):
        await enqueue(redis, f"quiet-{number}", tenant="quiet")

    assert set((await nudges(redis))[:8]) == {f"quiet-{number}" for number in range(8)}
    assert (await nudges(redis))[-1] == "quiet-8"


async def test_where_few_others_wait_jobs_are_served_as_they_come(redis: TextRedis) -> None:
    for number in range(15):
        await enqueue(redis, f"job-{number}", tenant=f"t{number % 2}")

    assert await nudges(redis) == [f"job-{number}" for number in range(15)]


async def test_head_starts_run_out_and_are_earned_back_by_ordinary_claims(redis: TextRedis, journal: Journal) -> None:
    await redis.hset(keys.TUNING, mapping={"head_starts": 2, "quiet_jobs": 1})
    await enqueue(redis, "flood", tenant="flood")
    for number in range(4):
        await enqueue(redis, f"trickle-{number}", tenant=f"t{number}")
    assert await nudges(redis) == ["trickle-1", "trickle-0", "flood", "trickle-2", "trickle-3"]

    await journal.claim("flood", "", "worker:a")
    await enqueue(redis, "late", tenant="late")

    assert (await nudges(redis))[0] == "late"


async def test_a_claim_takes_the_job_under_a_lease(redis: TextRedis, journal: Journal) -> None:
    await enqueue(redis)

    claimed = await journal.claim("job-1", "1", "worker:a")

    assert isinstance(claimed, Claimed)
    assert await redis.hmget(keys.job("job-1"), "state", "place", "fence") == ["dispatching", "attempt", "1"]
    assert await redis.zcard(keys.LEASES) == 1
    assert await redis.zcard(keys.placed("dispatch.normal", Lane.NORMAL)) == 0


async def test_a_second_claim_is_left(redis: TextRedis, journal: Journal) -> None:
    await enqueue(redis)
    await journal.claim("job-1", "1", "worker:a")

    assert await journal.claim("job-1", "1", "worker:b") == Left("elsewhere")


async def test_a_claim_sent_again_returns_the_first_result(redis: TextRedis, journal: Journal) -> None:
    await enqueue(redis)
    first = await journal.claim("job-1", "1", "worker:a")
    before = await snapshot(redis)

    again = await journal.claim("job-1", "1", "worker:a")

    assert isinstance(first, Claimed)
    assert isinstance(again, Claimed)
    assert again.record == first.record
    assert await snapshot(redis) == before


@pytest.mark.parametrize(("hop", "why"), [("0", "stale"), ("2", "stale")])
async def test_a_nudge_of_another_hop_is_left(redis: TextRedis, journal: Journal, hop: str, why: str) -> None:
    await enqueue(redis)

    assert await journal.claim("job-1", hop, "worker:a") == Left(why)


async def test_an_unknown_job_is_left(journal: Journal) -> None:
    assert await journal.claim("nobody", "1", "worker:a") == Left("unknown")


@pytest.mark.parametrize("how", ["lane", "waiting", "delayed"])
async def test_a_job_nobody_has_in_hand_can_be_cancelled(redis: TextRedis, how: str) -> None:
    if how == "waiting":
        await redis.hset(keys.TUNING, "lane_window", 1)
        await enqueue(redis, "other")
    await enqueue(redis, send_at_ms=await now_ms(redis) + 60_000 if how == "delayed" else None)
    assert await redis.hget(keys.job("job-1"), "place") == how

    assert await cancel(redis) == ("cancelled", "cancelled")
    assert await redis.hmget(keys.job("job-1"), "state", "place", "content") == ["cancelled", None, None]
    before = await snapshot(redis)
    assert await cancel(redis) == ("cancelled", "cancelled")
    assert await snapshot(redis) == before


async def test_the_sweeper_gives_back_the_claim_of_a_dead_worker(redis: TextRedis, journal: Journal) -> None:
    await enqueue(redis)
    await journal.claim("job-1", "1", "worker:a")
    await redis.zadd(keys.LEASES, {"job-1": 1})

    swept = await journal.sweep(10, 10_000)

    assert swept.given_back == 1
    assert isinstance(await journal.claim("job-1", "2", "worker:b"), Claimed)


async def test_the_sweeper_writes_a_lost_nudge_again(redis: TextRedis, journal: Journal) -> None:
    await enqueue(redis)
    await redis.delete("dispatch.normal")
    await redis.zadd(keys.placed("dispatch.normal", Lane.NORMAL), {"job-1": 1})

    assert (await journal.sweep(10, 10_000)).renudged == 1
    assert await nudges(redis) == ["job-1"]
    assert (await journal.sweep(10, 10_000)).total == 0


async def test_the_sweeper_leaves_a_nudge_that_only_waits_its_turn(redis: TextRedis, journal: Journal) -> None:
    await enqueue(redis, "first")
    await enqueue(redis, "second")
    for score, job_id in enumerate(("first", "second"), start=1):
        await redis.zadd(keys.placed("dispatch.normal", Lane.NORMAL), {job_id: score})

    assert (await journal.sweep(10, 10_000)).total == 0


async def test_the_sweeper_fills_a_window_nobody_will_fill(redis: TextRedis, journal: Journal) -> None:
    await redis.hset(keys.TUNING, "lane_window", 1)
    await enqueue(redis, "first")
    await enqueue(redis, "second")
    await redis.delete(keys.window("dispatch.normal", Lane.NORMAL, "acme"))

    assert (await journal.sweep(10, 10_000)).filled == 1
    assert (await nudges(redis))[-1] == "second"


async def test_the_mover_run_twice_moves_a_job_once(redis: TextRedis, journal: Journal) -> None:
    await enqueue(redis, send_at_ms=await now_ms(redis) + 60_000)
    await redis.zadd(keys.DELAYED, {"job-1": 0})
    await journal.move_due(10)
    before = await snapshot(redis)

    assert await journal.move_due(10) == (0, None)
    assert await snapshot(redis) == before


async def test_a_renewal_run_twice_leaves_one_lease(redis: TextRedis, journal: Journal) -> None:
    await enqueue(redis)
    claimed = await journal.claim("job-1", "1", "worker:a")
    assert isinstance(claimed, Claimed)

    assert await journal.renew([claimed]) == []
    assert await journal.renew([claimed]) == []
    assert await redis.zcard(keys.LEASES) == 1


async def test_a_lost_nudge_is_healed_however_long_other_lanes_wait(redis: TextRedis, journal: Journal) -> None:
    for number in range(120):
        await enqueue(redis, f"bulk-{number}", tenant=f"t{number}", lane=Lane.BULK)
        await redis.zadd(keys.placed("dispatch.bulk", Lane.BULK), {f"bulk-{number}": 1})
    await enqueue(redis, "code", lane=Lane.URGENT)
    await redis.delete("dispatch.urgent")
    await redis.zadd(keys.placed("dispatch.urgent", Lane.URGENT), {"code": 1})

    assert (await journal.sweep(100, 10_000)).renudged == 1
    assert await nudges(redis, "dispatch.urgent", Lane.URGENT) == ["code"]


async def test_many_nudges_at_the_serving_end_do_not_make_others_look_lost(redis: TextRedis, journal: Journal) -> None:
    for number in range(50):
        await enqueue(redis, f"old-{number}", tenant=f"t{number}", lane=Lane.URGENT)
        await redis.zadd(keys.placed("dispatch.urgent", Lane.URGENT), {f"old-{number}": 1})
        await redis.hset(keys.job(f"old-{number}"), "placed_ms", 1)
    for number in range(150):
        await enqueue(
            redis, f"retry-{number}", tenant=f"r{number}", lane=Lane.URGENT, send_at_ms=await now_ms(redis) + 60_000
        )
        await redis.hset(keys.job(f"retry-{number}"), "state", "queued")
        await redis.zadd(keys.DELAYED, {f"retry-{number}": 0})
    await journal.move_due(200)

    assert (await journal.sweep(100, 10_000)).renudged == 0


async def test_a_lost_nudge_from_the_serving_end_is_healed(redis: TextRedis, journal: Journal) -> None:
    await redis.hset(keys.TUNING, "quiet_jobs", 1)
    await enqueue(redis, "flood", tenant="flood")
    await enqueue(redis, "quiet", tenant="quiet")
    await redis.rpop("dispatch.normal")
    await redis.zadd(keys.front("dispatch.normal", Lane.NORMAL), {"quiet": 1})

    assert (await journal.sweep(100, 10_000)).renudged == 1
    assert (await nudges(redis))[0] == "quiet"


@pytest.mark.parametrize(("lane", "served_next"), [(Lane.URGENT, True), (Lane.NORMAL, False), (Lane.BULK, False)])
async def test_only_the_retries_of_urgent_jobs_overtake(
    redis: TextRedis, journal: Journal, lane: Lane, served_next: bool
) -> None:
    await enqueue(redis, "waits", tenant="acme", lane=lane)
    await enqueue(redis, "retry", tenant="acme", lane=lane, send_at_ms=await now_ms(redis) + 60_000)
    await redis.hset(keys.job("retry"), "state", "queued")
    await redis.zadd(keys.DELAYED, {"retry": 0})

    await journal.move_due(10)

    assert (await nudges(redis, f"dispatch.{lane}", lane))[0] == ("retry" if served_next else "waits")


async def test_a_damaged_record_does_not_stop_the_sweeper(redis: TextRedis, journal: Journal) -> None:
    await enqueue(redis, "good")
    await journal.claim("good", "1", "worker:a")
    await redis.hset(keys.job("bad"), mapping={"place": "attempt"})
    await redis.zadd(keys.LEASES, {"bad": 1, "good": 2})

    assert (await journal.sweep(10, 10_000)).given_back == 1
    assert await redis.zrange(keys.DAMAGED, 0, -1) == ["bad"]


async def test_a_record_left_half_written_is_recorded_anew(redis: TextRedis) -> None:
    await enqueue(redis)
    await redis.hdel(keys.job("job-1"), "place")

    assert await enqueue(redis) == ("created", "queued")


@pytest.mark.parametrize(("ahead_days", "life_days", "status"), [(91, 1, "too_far"), (1, 8, "too_long")])
async def test_a_job_may_neither_wait_nor_live_for_ever(
    redis: TextRedis, ahead_days: int, life_days: int, status: str
) -> None:
    due = await now_ms(redis) + ahead_days * 86_400_000

    assert (await enqueue(redis, send_at_ms=due, expires_at_ms=due + life_days * 86_400_000))[0] == status
    assert await snapshot(redis) == {}


async def test_a_retry_does_not_wait_for_a_crowd_that_was_due_before_it(redis: TextRedis, journal: Journal) -> None:
    for number in range(30):
        await enqueue(redis, f"crowd-{number:02}", tenant="flood", send_at_ms=await now_ms(redis) + 60_000)
        await redis.zadd(keys.DELAYED, {f"crowd-{number:02}": number})
    await enqueue(redis, "retry", lane=Lane.URGENT, send_at_ms=await now_ms(redis) + 60_000)
    await redis.zadd(keys.DELAYED, {"retry": await now_ms(redis) - 1})

    moved, next_in_ms = await journal.move_due(10)

    assert (moved, next_in_ms) == (10, 0)
    assert await nudges(redis, "dispatch.urgent", Lane.URGENT) == ["retry"]
    assert (await nudges(redis))[:5] == [f"crowd-{number:02}" for number in range(5)]


async def test_what_is_due_is_moved_once_if_it_is_little(redis: TextRedis, journal: Journal) -> None:
    for number in range(12):
        await enqueue(redis, f"job-{number}", send_at_ms=await now_ms(redis) + 60_000)
        await redis.zadd(keys.DELAYED, {f"job-{number}": number})

    assert [(await journal.move_due(10))[0] for _ in range(3)] == [10, 2, 0]
    assert sorted(await nudges(redis)) == sorted(f"job-{number}" for number in range(12))
