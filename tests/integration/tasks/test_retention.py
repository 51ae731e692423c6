"""What is kept of jobs that have ended, and that nothing is left of them in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from providers.faults import Fault
from providers.protocol import AttemptResult, LookupAnswer
from senders.model import Policy
from tasks.journal import Journal
from tests.support.flow import ABSENT, ACCEPTED, SILENT, UNKNOWN, config, refused, worker
from tests.support.journal import TextRedis, cancel, enqueue, now_ms, nudges, snapshot
from tests.support.limit_flow import ALL_LIMITS, NOWHERE
from tests.support.limits import per_user
from trunkline_client import keys

pytestmark = pytest.mark.integration

#: what an installation has once for all jobs.
#: A bell is taken away by the worker that hears it, and head starts are earned back by the next jobs of their lane.
LASTING: Final = {keys.TUNING, keys.EVENTS, "tl:arrivals", *map(keys.bell, keys.ALL_QUEUES)}
HEAD_STARTS: Final = "tl:head:"
#: long enough for the slowest of these jobs to end before its record does.
KEEP_MS: Final = 300

End = Callable[[TextRedis], Awaitable[None]]


def served(
    *,
    policy: Policy = ALL_LIMITS,
    twilio: AttemptResult | None = None,
    syniverse: AttemptResult | None = None,
    lookup: LookupAnswer = ABSENT,
    expires_ms: int | None = None,
) -> End:
    """Return a way for a job to end in the hands of a worker whose providers answer like this."""

    async def end(redis: TextRedis) -> None:
        tenant = config(policy=policy)
        one = worker(redis, tenant, twilio=[twilio or ACCEPTED], syniverse=[syniverse or ACCEPTED])
        one.twilio.lookups = [lookup]
        await enqueue(redis, user="ann")
        if expires_ms is not None:
            await redis.hset(keys.job("job-1"), "expires_ms", expires_ms)
        await one.serve()

    return end


async def rejected_unrecorded(redis: TextRedis) -> None:
    await Journal(redis, lease_ms=10_000).reject_unrecorded("job-1", "acme", ("to",))


async def cancelled_in_its_lane(redis: TextRedis) -> None:
    await enqueue(redis)
    await cancel(redis)
    assert await nudges(redis) == ["job-1"]
    await worker(redis, config()).serve()


async def cancelled_while_waiting(redis: TextRedis) -> None:
    await redis.hset(keys.TUNING, "lane_window", 1)
    await enqueue(redis, "first")
    await enqueue(redis)
    await cancel(redis)
    await worker(redis, config()).serve()


async def cancelled_before_its_time(redis: TextRedis) -> None:
    await enqueue(redis, send_at_ms=await now_ms(redis) + 60_000)
    await cancel(redis)


async def cancelled_with_a_damaged_record(redis: TextRedis) -> None:
    await enqueue(redis)
    await redis.hdel(keys.job("job-1"), "created_ms")
    await cancel(redis)
    await worker(redis, config()).serve()


async def expired_while_waiting(redis: TextRedis) -> None:
    await redis.hset(keys.TUNING, "lane_window", 1)
    await enqueue(redis, "first")
    await enqueue(redis)
    await redis.hset(keys.job("job-1"), "expires_ms", 1)
    await worker(redis, config()).serve()


async def expired_after_its_first_attempt(redis: TextRedis) -> None:
    one = worker(redis, config(), twilio=[refused(Fault.AUTH)])
    await enqueue(redis)

    async def end_its_life() -> None:
        await redis.hset(keys.job("job-1"), "expires_ms", 1)

    one.twilio.meanwhile = end_its_life
    await one.serve()


GEO = refused(Fault.GEO)
FOUND = LookupAnswer(good=True, candidates=("SMfound",))
ENDS: Final[dict[str, tuple[str, End]]] = {
    "accepted": ("sent", served()),
    "accepted by the next sender": ("sent", served(twilio=GEO)),
    "found by a lookup": ("sent", served(twilio=UNKNOWN, lookup=FOUND)),
    "absent, then accepted by the next": ("sent", served(twilio=UNKNOWN)),
    "nobody knows, then accepted by the next": ("sent", served(twilio=UNKNOWN, lookup=SILENT)),
    "refused everywhere": ("failed", served(twilio=GEO, syniverse=GEO)),
    "rejected by a country": ("rejected", served(policy=Policy("default", country_limit=NOWHERE))),
    "rejected by a quota": ("rejected", served(policy=per_user(0))),
    "rejected unrecorded": ("rejected", rejected_unrecorded),
    "expired in its lane": ("expired", served(expires_ms=1)),
    "expired while waiting": ("expired", expired_while_waiting),
    "expired after its first attempt": ("expired", expired_after_its_first_attempt),
    "cancelled in its lane": ("cancelled", cancelled_in_its_lane),
    "cancelled while waiting": ("cancelled", cancelled_while_waiting),
    "cancelled before its time": ("cancelled", cancelled_before_its_time),
    "cancelled, nobody knows when it came": ("cancelled", cancelled_with_a_damaged_record),
}  # fmt: skip
ways = pytest.mark.parametrize(("state", "end"), ENDS.values(), ids=ENDS)


@ways
async def test_only_what_can_be_replayed_keeps_content_and_keeps_it_sealed(
    redis: TextRedis, state: str, end: End
) -> None:
    await end(redis)

    ended, content = await redis.hmget(keys.job("job-1"), "state", "content")
    assert ended == state
    assert (content is not None) == (state in {"failed", "expired"})
    kept = str(await snapshot(redis))
    assert "+12015550123" not in kept
    assert "493817" not in kept


@ways
async def test_nothing_is_left_of_a_job_after_its_time(
    redis: TextRedis, journal: Journal, state: str, end: End
) -> None:
    await redis.hset(keys.TUNING, mapping={"finished_keep_ms": KEEP_MS, "failed_keep_ms": KEEP_MS})

    await end(redis)
    while await redis.exists(keys.FORGET):
        await journal.forget(100)
        await asyncio.sleep(0.05)

    assert await redis.exists(keys.job("job-1")) == 0
    assert await _left_for_ever(redis) == {}


async def _left_for_ever(redis: TextRedis) -> dict[str, Any]:
    kept = await snapshot(redis)
    return {
        key: value
        for key, (value, ends) in kept.items()
        if not ends and key not in LASTING and not key.startswith(HEAD_STARTS)
    }


async def _expire(redis: TextRedis, *job_ids: str, tenant: str = "acme") -> None:
    """Let the records of ended jobs have gone a while ago."""
    for job_id in job_ids:
        await redis.delete(keys.job(job_id))
        await redis.zadd(keys.FORGET, {f"{job_id} {tenant}": 1})


async def test_a_pass_forgets_no_more_than_it_was_asked_to(redis: TextRedis, journal: Journal) -> None:
    ids = [f"job-{number}" for number in range(5)]
    for job_id in ids:
        await enqueue(redis, job_id)
        await cancel(redis, job_id)
    await _expire(redis, *ids)

    assert [await journal.forget(2) for _ in range(4)] == [2, 2, 1, 0]
    assert await redis.exists(keys.jobs("acme"), keys.JOB_TENANTS, keys.FORGET) == 0


async def test_a_tenant_is_forgotten_with_its_last_job_only(redis: TextRedis, journal: Journal) -> None:
    await enqueue(redis, "ended")
    await enqueue(redis, "lives")
    await cancel(redis, "ended")
    await _expire(redis, "ended")

    await journal.forget(10)

    assert await redis.zrange(keys.jobs("acme"), 0, -1) == ["lives"]
    assert await redis.smembers(keys.JOB_TENANTS) == {"acme"}


async def test_an_entry_waits_until_its_record_has_surely_gone(redis: TextRedis, journal: Journal) -> None:
    await enqueue(redis)
    await cancel(redis)
    await redis.zadd(keys.FORGET, {"job-1 acme": await now_ms(redis)})

    assert await journal.forget(10) == 0


async def test_a_new_job_under_a_forgotten_id_keeps_its_place(redis: TextRedis, journal: Journal) -> None:
    await enqueue(redis)
    await cancel(redis)
    await _expire(redis, "job-1")
    await redis.zadd(keys.DEAD, {"job-1": 1})
    await enqueue(redis)

    await journal.forget(10)

    assert await redis.zrange(keys.jobs("acme"), 0, -1) == ["job-1"]
    assert await redis.zrange(keys.DEAD, 0, -1) == []


async def test_an_id_that_another_tenant_has_now_is_forgotten_of_the_first(redis: TextRedis, journal: Journal) -> None:
    await enqueue(redis)
    await cancel(redis)
    await _expire(redis, "job-1")
    await enqueue(redis, tenant="globex")

    await journal.forget(10)

    assert await redis.exists(keys.jobs("acme")) == 0
    assert await redis.smembers(keys.JOB_TENANTS) == {"globex"}
