"""What a worker that stops gives back, and that nothing it left on the way can be sent or moved afterwards."""

from __future__ import annotations

import asyncio

import pytest

from providers.faults import Outcome
from providers.protocol import Origin, OriginType
from tasks.attempt_json import attempt_json
from tasks.dispatch import dispatch
from tasks.journal import Begun, Claimed, Journal, Waits
from tasks.lease import GivenBack, LeaseKeeper
from tasks.upkeep import Sweeper
from tests.support.flow import ACCEPTED, config, twilio, worker
from tests.support.journal import TextRedis, enqueue, nudges, snapshot
from trunkline_client import keys

pytestmark = pytest.mark.integration

BEGUN = attempt_json("job-1", 1, twilio(), Origin(OriginType.NUMBER, "+12015550100"), 1)


@pytest.fixture
async def claimed(redis: TextRedis, journal: Journal) -> Claimed:
    await enqueue(redis)
    taken = await journal.claim("job-1", "1", "worker:a")
    assert isinstance(taken, Claimed)
    return taken


async def begin(journal: Journal, claimed: Claimed) -> Begun | Waits:
    return await journal.begin_attempt(claimed, 1, BEGUN, chain=(), least_life_ms=1000, twins="tl:calling:x")


async def test_a_job_without_an_attempt_is_in_its_lane_again_after_the_next_sweep(
    redis: TextRedis, journal: Journal, claimed: Claimed
) -> None:
    await redis.delete("dispatch.normal")
    await enqueue(redis, "job-2")

    assert await journal.release([claimed]) == []
    await Sweeper(journal).sweep()

    assert await nudges(redis) == ["job-1", "job-2"]
    assert await redis.hget(keys.job("job-1"), "state") == "queued"


async def test_an_open_attempt_becomes_unknown_and_is_looked_up_by_another_worker(
    redis: TextRedis, journal: Journal, claimed: Claimed
) -> None:
    await begin(journal, claimed)

    await journal.release([claimed])
    await Sweeper(journal).sweep()
    await journal.move_due(10)
    again = await journal.claim("job-1", "2", "worker:b")

    assert isinstance(again, Claimed)
    assert (again.record.reconciling, again.record.attempts[0].outcome) == (1, Outcome.UNKNOWN)


async def test_giving_back_twice_changes_nothing_more(redis: TextRedis, journal: Journal, claimed: Claimed) -> None:
    await journal.release([claimed])
    before = await snapshot(redis)

    assert await journal.release([claimed]) == [claimed]
    assert await snapshot(redis) == before


async def test_after_giving_back_no_attempt_begins_and_no_lease_is_renewed(journal: Journal, claimed: Claimed) -> None:
    await journal.release([claimed])

    assert await begin(journal, claimed) is Begun.LOST
    assert await journal.renew([claimed]) == [claimed]


async def test_the_lease_of_another_worker_is_not_ended(redis: TextRedis, journal: Journal, claimed: Claimed) -> None:
    await journal.release([claimed])
    await Sweeper(journal).sweep()
    other = await journal.claim("job-1", "2", "worker:b")
    assert isinstance(other, Claimed)

    await journal.release([claimed])

    assert await begin(journal, other) is Begun.BEGUN


async def test_a_closed_keeper_takes_no_job_in_hand(redis: TextRedis) -> None:
    one = worker(redis, config())
    await enqueue(redis)
    one.services.leases.close()

    with pytest.raises(GivenBack):
        await dispatch(one.services, "job-1", "1")

    assert await redis.hget(keys.job("job-1"), "place") == "lane"


async def test_a_job_that_was_claimed_just_before_leaves_no_attempt_behind(redis: TextRedis) -> None:
    one = worker(redis, config())
    await enqueue(redis)
    claim = one.services.journal.claim

    async def claim_and_close(job_id: str, hop: str, owner: str) -> object:
        taken = await claim(job_id, hop, owner)
        one.services.leases.close()
        return taken

    one.services.journal.claim = claim_and_close  # type: ignore[method-assign,assignment]  # stops at the worst moment
    await dispatch(one.services, "job-1", "1")

    assert await one.services.leases.release() == 1
    await Sweeper(one.services.journal).sweep()
    status = await one.status()
    assert (status["state"], status["attempts"], one.twilio.sent) == ("queued", [], [])


async def test_what_was_cut_off_in_its_call_is_found_by_the_next_worker_and_sent_once(redis: TextRedis) -> None:
    cut_off, calling = worker(redis, config()), asyncio.Event()
    await enqueue(redis)

    async def hang() -> None:
        calling.set()
        await asyncio.sleep(3600)

    cut_off.twilio.meanwhile = hang
    task = asyncio.create_task(dispatch(cut_off.services, "job-1", "1"))
    await calling.wait()
    cut_off.services.leases.close()
    task.cancel()
    await asyncio.wait([task])
    assert await cut_off.services.leases.release() == 1
    await Sweeper(cut_off.services.journal).sweep()

    other = worker(redis, config(), twilio=[ACCEPTED])
    await other.serve()

    assert (await other.status())["state"] == "sent"
    assert [len(one.sent) for one in (cut_off.twilio, other.twilio, other.syniverse)] == [1, 1, 0]


async def test_a_closed_keeper_renews_nothing(redis: TextRedis, journal: Journal, claimed: Claimed) -> None:
    keeper = LeaseKeeper(journal, lease_s=10, renew_every_s=3, monotonic=lambda: 0.0)
    with keeper.holding(claimed, 0.0) as hold:
        keeper.close()
        before = await snapshot(redis)
        await keeper.renew_once()

        assert await snapshot(redis) == before
        assert hold.valid_until < 0


async def test_one_sweep_puts_back_more_than_a_batch(redis: TextRedis, journal: Journal) -> None:
    for number in range(250):
        await enqueue(redis, f"job-{number}", tenant=f"t{number}")
        await journal.claim(f"job-{number}", "", f"worker:{number}")
    await redis.zadd(keys.LEASES, dict.fromkeys(await redis.zrange(keys.LEASES, 0, -1), 1))

    await Sweeper(journal).sweep()

    assert await redis.zcard(keys.LEASES) == 0
    assert (await journal.sweep(100, 10_000)).has_more is False


async def test_two_sweepers_at_once_put_each_job_back_once(redis: TextRedis, journal: Journal) -> None:
    for number in range(250):
        await enqueue(redis, f"job-{number}", tenant=f"t{number}")
        await journal.claim(f"job-{number}", "", f"worker:{number}")
    await redis.delete("dispatch.normal")
    await redis.zadd(keys.LEASES, dict.fromkeys(await redis.zrange(keys.LEASES, 0, -1), 1))

    await asyncio.gather(Sweeper(journal).sweep(), Sweeper(journal).sweep())

    assert sorted(await nudges(redis)) == sorted(f"job-{number}" for number in range(250))
