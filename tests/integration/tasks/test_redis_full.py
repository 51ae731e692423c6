"""Redis at its `maxmemory`: new jobs are refused whole, and recorded ones are carried on to their end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from redis.exceptions import OutOfMemoryError

from providers.faults import Fault
from providers.protocol import AttemptResult, LookupAnswer
from tasks import moves
from tasks.journal import Claimed
from tasks.replay import Replays, Requeued, Terms
from tasks.settle import WasSent, settle
from tests.support.flow import ACCEPTED, UNKNOWN, config, refused, worker
from tests.support.in_hand import end, held_unknown, in_hand
from tests.support.journal import TextRedis, cancel, enqueue, snapshot
from trunkline_client import AsyncTrunkline, keys
from trunkline_client.errors import NotAccepted
from trunkline_client.words import JobState, Lane

pytestmark = pytest.mark.integration

Fill = Callable[[], Awaitable[None]]


@pytest.fixture
async def fill(redis: TextRedis) -> AsyncIterator[Fill]:
    """Makes Redis full, until the end of the test."""

    async def set_limit() -> None:
        await redis.config_set("maxmemory", 1)

    yield set_limit
    await redis.config_set("maxmemory", 0)


async def test_a_new_job_is_refused_and_leaves_no_trace(redis: TextRedis, fill: Fill) -> None:
    await enqueue(redis)
    before = await snapshot(redis)
    await fill()

    with pytest.raises(NotAccepted, match="Redis is full"):
        await AsyncTrunkline(redis=redis).send_sms(tenant="acme", to="+12015550123", body="x", id="job-2")

    assert await snapshot(redis) == before


async def test_a_refused_job_is_recorded_under_its_id_once_there_is_room(redis: TextRedis, fill: Fill) -> None:
    client = AsyncTrunkline(redis=redis)
    await fill()
    with pytest.raises(NotAccepted) as caught:
        await client.send_sms(tenant="acme", to="+12015550123", body="x")
    await redis.config_set("maxmemory", 0)

    handle = await client.send_sms(tenant="acme", to="+12015550123", body="x", id=caught.value.job_id)

    assert handle.created


@pytest.mark.parametrize(
    ("answer", "lines"),
    [
        (ACCEPTED, ["sent acme-twilio"]),
        (refused(Fault.GEO), ["geo -> fallback.syniverse", "sent acme-syniverse"]),
        (refused(Fault.NUMBER), ["number -> fallback.syniverse", "sent acme-syniverse"]),
    ],
)
async def test_a_recorded_job_is_still_sent(
    redis: TextRedis, fill: Fill, answer: AttemptResult, lines: list[str]
) -> None:
    one = worker(redis, config(), twilio=[answer])
    await enqueue(redis)
    await fill()

    assert [report.line for report in await one.serve(hurry=False)] == lines
    assert (await one.status())["state"] == "sent"


async def test_an_answer_that_comes_when_redis_has_become_full_is_kept(redis: TextRedis, fill: Fill) -> None:
    one = worker(redis, config())
    one.twilio.meanwhile = fill
    await enqueue(redis)

    await one.serve(hurry=False)

    status = await one.status()
    assert (status["state"], status["provider_id"]) == ("sent", "SMjob-1.a1")


async def test_a_lost_answer_is_looked_up_and_bound(redis: TextRedis, fill: Fill) -> None:
    one = worker(redis, config(), twilio=[UNKNOWN])
    one.twilio.lookups = [LookupAnswer(good=True, candidates=("SM1",))]
    await enqueue(redis)
    await one.serve(hurry=False)
    await redis.zadd(keys.DELAYED, {"job-1": 1})
    await redis.hincrby(keys.job("job-1"), "unknown_ms", -31_000)
    await fill()

    await one.services.journal.move_due(100)
    await one.serve(hurry=False)

    assert (await one.status())["provider_id"] == "SM1"


async def test_leases_are_renewed_and_those_of_the_dead_are_taken_back(redis: TextRedis, fill: Fill) -> None:
    journal = worker(redis, config()).services.journal
    await enqueue(redis, "job-1")
    await enqueue(redis, "job-2")
    held = await journal.claim("job-1", "", "w:1")
    await journal.claim("job-2", "", "w:2")
    await redis.zadd(keys.LEASES, {"job-2": 1})
    await fill()

    assert isinstance(held, Claimed)
    assert await journal.renew([held]) == []
    assert (await journal.sweep(100, 10_000)).given_back == 1
    assert await redis.zcard(keys.DAMAGED) == 0


async def test_a_waiting_job_can_be_cancelled(redis: TextRedis, fill: Fill) -> None:
    await enqueue(redis)
    await fill()

    assert await cancel(redis) == ("cancelled", "cancelled")


@pytest.mark.parametrize(("is_held", "state"), [(True, "reconciling"), (False, "queued")])
async def test_a_job_can_be_replayed(redis: TextRedis, fill: Fill, is_held: bool, state: str) -> None:
    journal = worker(redis, config()).services.journal
    if is_held:
        await held_unknown(redis, journal)
    else:
        await end(journal, await in_hand(redis, journal), moves.failed(Fault.NO_CHAIN))
    await fill()

    (requeued,) = await Replays(redis, actor="ops@x", run="r1").replay(["job-1"], Terms(unknown=True))

    assert requeued == Requeued("job-1", JobState(state))


async def test_a_held_job_can_be_settled_and_frees_its_content(redis: TextRedis, fill: Fill) -> None:
    await held_unknown(redis, worker(redis, config()).services.journal)
    await fill()

    assert await settle(redis, "job-1", WasSent(), actor="ops@x", token="t1") is JobState.SENT

    assert not await redis.hexists(keys.job("job-1"), "content")


async def test_what_is_over_is_forgotten(redis: TextRedis, fill: Fill) -> None:
    await redis.zadd(keys.FORGET, {"job-1 acme": 1})
    await fill()

    assert await worker(redis, config()).services.journal.forget(100) == 1


async def test_what_records_more_is_refused_whole(redis: TextRedis, fill: Fill) -> None:
    one = worker(redis, config())
    await enqueue(redis, lane=Lane.BULK)
    before = await snapshot(redis)
    await fill()

    with pytest.raises(OutOfMemoryError):
        await one.services.journal.reject_unrecorded("job-9", "acme", ("to",))

    assert await snapshot(redis) == before
