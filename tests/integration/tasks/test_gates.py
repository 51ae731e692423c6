"""Gates on the real scripts: who may pass, who waits in which order, and what lets the next one in."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from unittest.mock import ANY

import pytest

from providers.faults import Fault, Outcome, Ruling, ruling
from providers.protocol import AttemptResult
from senders.pacing import Gate
from tasks import moves
from tasks.backlog import BacklogReader, GateWait
from tasks.journal import Begun, Waits
from tasks.story import read_story
from tests.support import hands
from tests.support.gates import NUMBER, REQUESTS, AtGates, number, one_at_a_time
from tests.support.journal import TextRedis, cancel, enqueue, now_ms, nudges, snapshot
from trunkline_client import keys
from trunkline_client.words import Lane
from worker.cli.job_words import standing_line

pytestmark = pytest.mark.integration

REFUSED = AttemptResult(outcome=Outcome.REFUSED, ruling=ruling(Fault.AUTH))
CROWDED = AttemptResult(outcome=Outcome.REFUSED, ruling=ruling(Fault.THROTTLED), code="20429")
FULL_QUEUE = replace(CROWDED, ruling=Ruling(Fault.THROTTLED, retry=True, another_number=True), code="21611")
DAILY_CAP = replace(CROWDED, ruling=Ruling(Fault.THROTTLED), code="63038")
AT_REQUESTS, AT_NUMBER = Waits(REQUESTS), Waits(NUMBER)


def later(result: AttemptResult = CROWDED, attempt: int = 1) -> moves.Move:
    return moves.retry_later(timedelta(seconds=1), throttled_ms=5, retries=1).ending(attempt, result, 5)


def failed(result: AttemptResult = REFUSED) -> moves.Move:
    return moves.failed(Fault.AUTH).ending(1, result, 5)


@pytest.fixture
def narrow(redis: TextRedis) -> AtGates:
    """An account that takes one request at a time."""
    return AtGates(redis, [one_at_a_time()])


@pytest.fixture
def slow(redis: TextRedis) -> AtGates:
    """A number that needs a second for each message."""
    return AtGates(redis, [number(1_000)])


async def fill(slow: AtGates, messages: int) -> None:
    """Bring the provider's queue to this length, whatever the lane would allow."""
    for one in range(messages):
        assert await slow.arrive(f"before-{one}", Lane.URGENT) is Begun.BEGUN


# Concurrent requests.


async def test_what_exceeds_the_width_of_an_account_waits_without_an_attempt(narrow: AtGates, redis: TextRedis) -> None:
    assert await narrow.arrive("a") is Begun.BEGUN
    assert await narrow.arrive("b") == AT_REQUESTS

    record = await redis.hgetall(keys.job("b"))
    assert (record["place"], record["state"], record["attempts"]) == ("gate", "queued", "0")
    assert not {"owner", "lease_ms", "chain", "counted", "throttled_ms"} & record.keys()
    assert await narrow.waiting() == ["b"]
    assert await narrow.is_sound()


async def test_the_end_of_a_call_brings_the_next_one_to_the_front_of_its_lane(
    narrow: AtGates, redis: TextRedis
) -> None:
    await narrow.arrive("a")
    await narrow.arrive("b")
    await enqueue(redis, "c")

    await narrow.end("a", hands.sent("a", 1))

    assert (await nudges(redis))[0] == "b"
    assert await narrow.come("b") is Begun.BEGUN
    assert await narrow.is_sound()


async def test_who_waits_comes_by_lane_and_then_by_arrival(narrow: AtGates) -> None:
    await narrow.arrive("first")
    short = {"b": Lane.BULK, "n": Lane.NORMAL, "u": Lane.URGENT}
    lanes = {name: short[name[0]] for name in ("b1", "n1", "u1", "b2", "u2", "n2")}
    for job_id, lane in lanes.items():
        assert await narrow.arrive(job_id, lane) == AT_REQUESTS
    assert await narrow.waiting() == ["u1", "u2", "n1", "n2", "b1", "b2"]

    running, came = "first", []
    for _ in lanes:
        await narrow.end(running, hands.sent(running, 1))
        (running,) = await narrow.nudged()
        came.append(running)
        assert await narrow.come(running) is Begun.BEGUN
    assert came == ["u1", "u2", "n1", "n2", "b1", "b2"]


async def test_room_that_is_kept_for_a_woken_job_is_not_given_to_a_newcomer(narrow: AtGates) -> None:
    await narrow.arrive("a")
    await narrow.arrive("b")
    await narrow.end("a", hands.sent("a", 1))

    assert await narrow.arrive("urgent", Lane.URGENT) == AT_REQUESTS
    assert await narrow.come("b") is Begun.BEGUN


async def test_room_is_given_to_the_next_if_a_woken_job_does_not_come(narrow: AtGates) -> None:
    for job_id in ("a", "b", "c"):
        await narrow.arrive(job_id)
    await narrow.end("a", hands.sent("a", 1))

    await narrow.pass_time(5_100)

    assert await narrow.nudged() == {"b", "c"}
    assert await narrow.come("c") is Begun.BEGUN
    assert await narrow.come("b") == AT_REQUESTS
    assert await narrow.is_sound()


async def test_one_that_comes_too_late_waits_where_it_waited_before(narrow: AtGates) -> None:
    for job_id in ("a", "b", "c", "d"):
        await narrow.arrive(job_id)
    await narrow.end("a", hands.sent("a", 1))
    await narrow.pass_time(5_100)
    await narrow.come("c")

    await narrow.come("b")

    assert await narrow.waiting() == ["b", "d"]


async def test_a_woken_job_that_is_cancelled_makes_room_for_the_next(narrow: AtGates, redis: TextRedis) -> None:
    for job_id in ("a", "b", "c"):
        await narrow.arrive(job_id)
    await narrow.end("a", hands.sent("a", 1))

    assert await cancel(redis, "b") == ("cancelled", "cancelled")
    await narrow.journal.move_due(50)

    assert await narrow.nudged() == {"c"}
    assert await narrow.is_sound()


async def test_a_woken_job_that_ends_without_an_attempt_makes_room_for_the_next(slow: AtGates) -> None:
    await fill(slow, 22)
    for job_id in ("a", "b"):
        await slow.arrive(job_id)
    await slow.pass_time(2_000)
    assert await slow.nudged() == {"a"}
    claimed = await slow.claim("a")

    await slow.journal.finish(claimed, moves.expired(), sealed_content="f1:x")
    await slow.journal.move_due(50)

    assert await slow.nudged() == {"b"}


async def test_a_job_that_waits_at_a_gate_can_be_cancelled(narrow: AtGates, redis: TextRedis) -> None:
    await narrow.arrive("a")
    await narrow.arrive("b")

    assert await cancel(redis, "b") == ("cancelled", "cancelled")

    assert await narrow.waiting() == []
    assert "gate_rank" not in await redis.hkeys(keys.job("b"))
    assert await narrow.is_sound()


async def test_a_job_whose_life_ends_at_a_gate_comes_to_be_ended(narrow: AtGates, redis: TextRedis) -> None:
    await narrow.arrive("a")
    await narrow.arrive("before", Lane.URGENT)
    await narrow.arrive("short", ttl_ms=30_000)

    await narrow.pass_time(29_000)
    assert await narrow.nudged() == set()
    await narrow.pass_time(1_100)

    assert await narrow.nudged() == {"short"}
    assert await narrow.waiting() == ["before"]
    assert await narrow.running() == 1


@pytest.mark.parametrize(
    "end", ["sent", "stay", "requeue", "give back", "retry", "failed", "give up", "look up", "resend"]
)
async def test_every_end_of_an_attempt_makes_room(narrow: AtGates, end: str) -> None:
    await narrow.arrive("a")
    await narrow.arrive("b")

    await narrow.end("a", hands.sent("a", 1) if end == "sent" else hands.of_call(1)[end])

    assert await narrow.come("b") is Begun.BEGUN


async def test_the_attempt_of_a_dead_worker_makes_room_once_it_is_swept(narrow: AtGates, redis: TextRedis) -> None:
    await narrow.arrive("a")
    await narrow.arrive("b")
    await redis.hset(keys.job("a"), "lease_ms", 1)
    await redis.zadd(keys.LEASES, {"a": 1})

    await narrow.journal.sweep(100, 10_000)
    await narrow.journal.move_due(50)

    assert await narrow.come("b") is Begun.BEGUN
    assert await narrow.is_sound()


async def test_what_nobody_ended_is_forgotten_after_two_minutes(narrow: AtGates, redis: TextRedis) -> None:
    await redis.zadd(keys.gate(REQUESTS, "open"), {"gone.a1": await now_ms(redis) - 121_000})

    assert await narrow.arrive("a") is Begun.BEGUN
    assert await narrow.arrive("b") == AT_REQUESTS


async def test_beginning_again_takes_and_tells_nothing_else(redis: TextRedis) -> None:
    at = AtGates(redis, [number(), one_at_a_time()])
    await enqueue(redis, "a")
    await enqueue(redis, "b")
    first, second = await at.claim("a"), await at.claim("b")

    for claimed, answer in ((first, Begun.BEGUN), (second, AT_REQUESTS)):
        assert await at.begin(claimed) == answer
        before = await snapshot(redis)
        assert await at.begin(claimed) == answer
        assert await snapshot(redis) == before


async def test_jobs_without_gates_pass_those_that_wait_and_those_follow_within_seconds(narrow: AtGates) -> None:
    """An administrator has taken the limit away."""
    for job_id in ("a", "b", "c", "d"):
        await narrow.arrive(job_id)

    narrow.gates = []
    assert await narrow.arrive("new") is Begun.BEGUN
    await narrow.end("a", hands.sent("a", 1))
    for job_id in ("b", "c", "d"):
        assert await narrow.nudged() == {job_id}
        assert await narrow.come(job_id) is Begun.BEGUN
        await narrow.journal.move_due(50)


async def test_a_wider_gate_lets_more_in(narrow: AtGates) -> None:
    for job_id in ("a", "b", "c", "d"):
        await narrow.arrive(job_id)

    narrow.gates = [one_at_a_time(3)]
    await narrow.arrive("e")
    await narrow.journal.move_due(50)

    assert await narrow.nudged() == {"b", "c"}


async def test_a_narrower_limit_holds_for_those_that_wait_already(redis: TextRedis) -> None:
    at = AtGates(redis, [one_at_a_time(4)])
    for one in range(12):
        await at.arrive(str(one))

    at.gates = [one_at_a_time(1)]
    for one in range(4):
        await at.end(str(one), hands.sent(str(one), 1))
        for job_id in await at.nudged():
            await at.come(job_id)
    for job_id in list(at.hands):
        await at.end(job_id, hands.sent(job_id, 1))

    assert len(await at.nudged()) == 1
    assert await at.is_sound()


async def test_nothing_is_kept_of_a_gate_that_nobody_needs(redis: TextRedis) -> None:
    at = AtGates(redis, [number(1), one_at_a_time()])
    for job_id in ("a", "b"):
        await at.arrive(job_id)
    await at.end("a", hands.sent("a", 1))
    await at.come("b")
    await at.end("b", hands.sent("b", 1))

    await at.pass_time(60_000)

    assert await redis.keys("tl:gate*") == []


# Rates.


@pytest.mark.parametrize(("lane", "admitted"), [(Lane.URGENT, 61), (Lane.NORMAL, 21), (Lane.BULK, 3)])
async def test_a_lane_fills_the_queue_of_a_number_only_so_far(slow: AtGates, lane: Lane, admitted: int) -> None:
    started_s, _ = await slow.redis.time()
    begun = 0
    while await slow.arrive(str(begun), lane) is Begun.BEGUN:
        begun += 1
    now_s, _ = await slow.redis.time()

    assert admitted <= begun <= admitted + now_s - started_s + 1  # the queue gets shorter by one a second


async def test_a_more_urgent_job_passes_those_that_wait(slow: AtGates) -> None:
    await fill(slow, 22)
    assert await slow.arrive("bulk", Lane.BULK) == AT_NUMBER
    assert await slow.arrive("normal") == AT_NUMBER

    assert await slow.arrive("urgent", Lane.URGENT) is Begun.BEGUN


async def test_a_newcomer_of_the_same_lane_passes_nobody(slow: AtGates) -> None:
    await fill(slow, 22)
    await slow.arrive("waits")
    await slow.redis.delete(keys.gate(NUMBER, "empty"))

    assert await slow.arrive("new") == AT_NUMBER
    assert await slow.arrive("bulk", Lane.BULK) == AT_NUMBER
    await slow.journal.move_due(50)

    assert await slow.nudged() == {"waits", "new", "bulk"}


async def test_time_lets_in_as_many_as_the_queue_has_room_for(slow: AtGates, redis: TextRedis) -> None:
    await fill(slow, 24)
    for job_id in ("a", "b", "c"):
        await slow.arrive(job_id)

    await slow.pass_time(1_000)
    assert await slow.nudged() == set()
    await slow.pass_time(4_500)

    assert await slow.nudged() == {"a", "b"}
    assert [await slow.come(job_id) for job_id in ("a", "b")] == [Begun.BEGUN] * 2
    assert await slow.waiting(NUMBER) == ["c"]
    assert await slow.is_sound()


async def test_however_many_wait_a_gate_is_due_once(slow: AtGates, redis: TextRedis) -> None:
    await fill(slow, 22)
    for one in range(20):
        await slow.arrive(f"waits-{one}")

    assert await redis.zrange(keys.GATES_DUE, 0, -1) == [NUMBER]
    assert await redis.zcard(keys.DELAYED) == 0


async def test_a_pass_of_the_mover_brings_in_so_many_and_the_next_ones_the_others(redis: TextRedis) -> None:
    at = AtGates(redis, [])
    accounts = [f"requests:AC{one}" for one in range(5)]
    for name in accounts:
        at.gates = [Gate(name, 10)]
        for one in range(20):
            await at.arrive(f"{name}-{one}")
        await redis.delete(keys.gate(name, "open"))
        await redis.zadd(keys.GATES_DUE, {name: 1})

    assert [await at.journal.move_due(50) for _ in range(2)] == [(30, 0), (20, ANY)]
    assert [len(await at.waiting(name)) for name in accounts] == [0] * len(accounts)


async def test_the_mover_tells_when_a_gate_is_due(slow: AtGates) -> None:
    await fill(slow, 22)
    await slow.arrive("waits")

    _, next_in_ms = await slow.journal.move_due(50)

    assert next_in_ms is not None
    assert 0 < next_in_ms <= 2_000


async def test_a_refused_message_leaves_its_place_in_the_queue(slow: AtGates) -> None:
    await fill(slow, 22)
    assert await slow.arrive("waits") == AT_NUMBER

    for one in range(2):
        await slow.end(f"before-{one}", failed())
    await slow.journal.move_due(50)

    assert await slow.come("waits") is Begun.BEGUN


async def test_a_long_message_waits_for_no_more_room_than_a_short_one_and_takes_more(redis: TextRedis) -> None:
    at = AtGates(redis, [number(11_000)])

    begun = [await at.arrive(str(one), Lane.BULK) for one in range(2)]

    assert begun == [Begun.BEGUN, AT_NUMBER]


# Two gates.


async def test_a_job_that_meets_a_second_closed_gate_waits_there_and_keeps_nothing(redis: TextRedis) -> None:
    at = AtGates(redis, [number(), one_at_a_time(23)])
    await fill(at, 22)
    assert await at.arrive("waits") == AT_NUMBER
    assert await at.arrive("urgent", Lane.URGENT) is Begun.BEGUN
    await at.pass_time(3_000)
    assert await at.nudged() == {"waits"}

    assert await at.come("waits") == AT_REQUESTS

    assert await redis.zcard(keys.gate(NUMBER, "called")) == 0
    assert await at.waiting(NUMBER) == []
    await at.end("urgent", hands.sent("urgent", 1))
    assert await at.come("waits") is Begun.BEGUN
    assert await at.is_sound()


async def test_the_order_is_the_same_at_every_gate(redis: TextRedis) -> None:
    """The first of all that wait finds nobody before it at its second gate: there is always one that comes through."""
    at = AtGates(redis, [number(), one_at_a_time(22)])
    await fill(at, 22)
    await at.arrive("older")
    await at.pass_time(3_000)
    at.gates = [one_at_a_time(22)]
    await at.arrive("younger")
    at.gates = [number(), one_at_a_time(22)]

    await at.come("older")

    assert await at.waiting() == ["older", "younger"]


# What is told.


async def test_the_backlog_names_the_gates_where_most_wait(narrow: AtGates, redis: TextRedis) -> None:
    for job_id in ("a", "b", "c"):
        await narrow.arrive(job_id)

    backlog = await BacklogReader(redis).read()

    assert (backlog.at_gates, backlog.in_hand, backlog.jobs) == (2, 1, 0)
    assert backlog.fullest_gates == (GateWait(gate=REQUESTS, jobs=2),)


async def test_a_job_tells_which_gate_it_waits_at_and_how_many_are_before_it(narrow: AtGates, redis: TextRedis) -> None:
    for job_id in ("a", "b", "c"):
        await narrow.arrive(job_id)

    story = await read_story(redis, "c")

    assert story is not None
    assert re.fullmatch(
        r"at a gate for \S+ m?s, about 1 before it: it waits for a request of account AC1 to end",
        standing_line(story) or "",
    )
