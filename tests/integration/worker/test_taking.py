"""What `take.lua` takes off the queues, in which order, and what it notes, on a real server."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from tests.support.broker_lists import (
    BULK,
    FALLBACK,
    NORMAL,
    NOTED,
    PLENTY,
    STEPS,
    URGENT,
    fill,
    list_of,
    message,
    submitted,
)
from trunkline_client import Trunkline, keys
from trunkline_client.words import Lane
from worker.broker_scripts import GIVE_BACK
from worker.in_hand import Room
from worker.lane_order import LaneOrder
from worker.taking import Answer, Taking

pytestmark = pytest.mark.integration


@pytest.fixture
def server(redis_url: str) -> Iterator[Any]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def taking() -> Taking:
    return Taking(keys.ALL_QUEUES, STEPS, list_of, NOTED)


def ids(answer: Answer) -> list[str]:
    return [json.loads(each.message)["headers"]["id"] for each in answer.arrivals]


def queues(answer: Answer) -> Counter[str]:
    return Counter(each.taken.queue for each in answer.arrivals)


@pytest.mark.parametrize("most", [1, 5, 32])
def test_over_many_batches_the_lanes_keep_their_weights_whatever_the_size_of_a_batch(
    server: Any, taking: Taking, most: int
) -> None:
    order = LaneOrder(keys.ALL_QUEUES)
    for queue in keys.DISPATCH_QUEUES:
        fill(server, queue, 150)

    taken: list[str] = []
    while len(taken) < 130:
        batch = taking.run(server, order, PLENTY, min(most, 130 - len(taken)))
        for each in batch.arrivals:
            order.rotate(each.taken.queue)
            taken.append(each.taken.queue)

    assert Counter(taken) == {URGENT: 80, NORMAL: 40, BULK: 10}


@pytest.mark.parametrize("most", [1, 7, 32])
def test_lanes_share_by_jobs_however_many_a_message_names(server: Any, taking: Taking, most: int) -> None:
    order = LaneOrder(keys.ALL_QUEUES)
    fill(server, URGENT, 400)
    server.lpush(BULK, *(message(n, BULK, jobs=16) for n in range(20)))

    jobs: Counter[str] = Counter()
    while jobs.total() < 300:
        for each in taking.run(server, order, PLENTY, most).arrivals:
            order.rotate(each.taken.queue, each.taken.jobs)
            jobs[each.taken.queue] += each.taken.jobs

    assert 16 <= jobs[BULK] <= jobs[URGENT] / 8 + 16


@pytest.mark.parametrize("most", [1, 7, 32])
def test_a_queue_that_owes_turns_is_taken_from_where_no_other_has_anything(
    server: Any, taking: Taking, most: int
) -> None:
    order = LaneOrder(keys.ALL_QUEUES)
    server.lpush(NORMAL, *(message(n, NORMAL, jobs=16) for n in range(20)))

    taken: list[str] = []
    while answer := taking.run(server, order, PLENTY, most).arrivals:
        for each in answer:
            order.rotate(each.taken.queue, each.taken.jobs)
            taken.append(each.taken.queue)

    assert taken == [NORMAL] * 20


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    waiting=st.lists(st.tuples(st.sampled_from((*keys.DISPATCH_QUEUES, FALLBACK)), st.integers(1, 20)), max_size=40),
    most=st.integers(1, 32),
)
def test_a_batch_takes_what_asking_for_one_message_at_a_time_would_whatever_waits(
    server: Any, taking: Taking, waiting: list[tuple[str, int]], most: int
) -> None:
    server.delete(*keys.ALL_QUEUES)
    left: dict[str, list[str]] = {}
    jobs_of = {f"job-{number}.1": jobs for number, (_, jobs) in enumerate(waiting)}
    for number, (queue, jobs) in enumerate(waiting):
        server.lpush(queue, message(number, queue, jobs))
        left.setdefault(queue, []).append(f"job-{number}.1")
    batched, single = LaneOrder(keys.ALL_QUEUES), LaneOrder(keys.ALL_QUEUES)

    while (answer := taking.run(server, batched, PLENTY, most)).arrivals:
        for each, name in zip(answer.arrivals, ids(answer), strict=True):
            batched.rotate(each.taken.queue, each.taken.jobs)
            first = next(queue for queue in single.consume(len(keys.ALL_QUEUES)) if left.get(queue))
            assert (each.taken.queue, name, each.taken.jobs) == (first, left[first].pop(0), jobs_of[name])
            single.rotate(first, each.taken.jobs)

    assert not any(left.values())


def test_within_a_list_the_oldest_comes_first_and_within_a_queue_urgent_does(server: Any, taking: Taking) -> None:
    for step in reversed(STEPS):
        server.lpush(list_of(FALLBACK, step), message(2 * step, FALLBACK), message(2 * step + 1, FALLBACK))

    assert ids(taking.run(server, LaneOrder([FALLBACK]), PLENTY)) == [f"job-{n}.1" for n in (0, 1, 6, 7, 12, 13)]


@pytest.mark.parametrize("most", [1, 7, 32])
@pytest.mark.parametrize("bulk_jobs", [1, 16])
def test_inside_a_fallback_queue_the_lanes_share_by_weight_too(
    server: Any, taking: Taking, most: int, bulk_jobs: int
) -> None:
    for step in STEPS[:2]:
        fill(server, FALLBACK, 300, step)
    bulk = list_of(FALLBACK, Lane.BULK.broker_priority)
    server.lpush(bulk, *(message(number, FALLBACK, bulk_jobs) for number in range(30)))

    order, jobs = LaneOrder([FALLBACK]), Counter[str]()
    while jobs.total() < 260:
        for each in taking.run(server, order, PLENTY, min(most, 260 - jobs.total())).arrivals:
            order.rotate(FALLBACK, each.taken.jobs)
            jobs[each.taken.list_name] += each.taken.jobs

    assert abs(jobs[list_of(FALLBACK, 0)] - 160) <= bulk_jobs
    assert abs(jobs[list_of(FALLBACK, 3)] - 80) <= bulk_jobs
    assert 20 - bulk_jobs <= jobs[bulk] <= 20 + bulk_jobs


def test_a_list_that_was_empty_saves_up_no_turns(server: Any, taking: Taking) -> None:
    order = LaneOrder([FALLBACK])
    fill(server, FALLBACK, 100)
    taking.run(server, order, PLENTY, 100)
    fill(server, FALLBACK, 100)
    fill(server, FALLBACK, 100, Lane.BULK.broker_priority)

    answer = taking.run(server, order, PLENTY, 27)

    assert Counter(each.taken.is_bulk for each in answer.arrivals) == {False: 24, True: 3}


def test_taking_stops_when_the_jobs_that_the_messages_name_fill_the_room(server: Any, taking: Taking) -> None:
    server.lpush(
        NORMAL, message(1, NORMAL, jobs=3), message(2, NORMAL), message(3, NORMAL, jobs=50), message(4, NORMAL)
    )

    answer = taking.run(server, LaneOrder([NORMAL]), Room(jobs=5, bulk=3))

    assert [each.taken.jobs for each in answer.arrivals] == [3, 1, 50]
    assert answer.is_more


def test_a_message_that_claims_to_name_billions_of_jobs_owes_no_more_than_many_turns(
    server: Any, taking: Taking
) -> None:
    server.lpush(NORMAL, message(1, NORMAL, jobs=10**12), message(2, NORMAL))

    first, second = taking.run(server, LaneOrder([NORMAL]), PLENTY).arrivals

    assert (first.taken.jobs, second.taken.jobs) == (256, 1)


def test_bulk_gets_no_more_than_its_room_and_the_others_are_taken_past_it(server: Any, taking: Taking) -> None:
    fill(server, BULK, 10)
    fill(server, FALLBACK, 10, Lane.BULK.broker_priority)
    fill(server, NORMAL, 3)

    answer = taking.run(server, LaneOrder(keys.ALL_QUEUES), Room(jobs=8, bulk=4))

    assert queues(answer)[NORMAL] == 3
    assert queues(answer)[BULK] + queues(answer)[FALLBACK] == 4
    assert answer.is_bulk_held
    assert not answer.is_more


def test_a_submitted_job_is_noted_in_the_step_that_takes_it_and_a_nudge_is_not(server: Any, taking: Taking) -> None:
    server.lpush(NORMAL, message(1, NORMAL), submitted(2))

    answer = taking.run(server, LaneOrder([NORMAL]), PLENTY)

    assert [each.tag for each in answer.arrivals] == ["", "s-2"]
    (kept,) = server.hvals("unacked")
    assert json.loads(kept) == [json.loads(submitted(2)), "", NORMAL]
    seconds, _ = server.time()
    assert server.zrange("unacked_index", 0, -1, withscores=True)[0][1] == pytest.approx(seconds, abs=5)


@pytest.mark.parametrize(
    "junk", ["", "junk", "[]", "5", '{"properties":5}', '{"properties":{"delivery_tag":5}}', "\xff"]
)
def test_what_is_no_message_is_taken_and_not_noted(server: Any, taking: Taking, junk: str) -> None:
    server.lpush(NORMAL, junk.encode("latin-1"))

    (arrival,) = taking.run(server, LaneOrder([NORMAL]), PLENTY).arrivals

    assert (arrival.tag, arrival.message) == ("", junk.encode("latin-1"))
    assert not server.exists("unacked")


def test_a_full_redis_lets_messages_be_taken_and_given_back(server: Any, taking: Taking) -> None:
    server.lpush(NORMAL, message(1, NORMAL), submitted(2))
    server.config_set("maxmemory", "1")
    try:
        taken = taking.run(server, LaneOrder([NORMAL]), PLENTY)
        GIVE_BACK.run(
            server, [*NOTED, NORMAL, keys.bell(NORMAL)], ["RPUSH", 1, "s-2", taken.arrivals[1].message, 1, "", "nudge"]
        )
    finally:
        server.config_set("maxmemory", "0")

    assert server.lrange(NORMAL, 0, -1) == [submitted(2).encode(), b"nudge"]
    assert not server.exists(*NOTED)


def test_what_a_batch_leaves_is_rung_for_once(server: Any, taking: Taking) -> None:
    fill(server, NORMAL, 5)

    for _ in range(2):
        assert taking.run(server, LaneOrder([NORMAL]), PLENTY, 2).is_more
        assert server.lrange(keys.bell(NORMAL), 0, -1) == [b""]

    server.delete(keys.bell(NORMAL))
    assert not taking.run(server, LaneOrder([NORMAL]), PLENTY, 2).is_more
    assert not server.exists(keys.bell(NORMAL))


def test_many_jobs_of_a_producer_leave_one_element_on_the_bell(server: Any, redis_url: str) -> None:
    with Trunkline(redis_url) as client:
        client.send_many({"tenant": "acme", "channel": "sms", "to": "+12015550100", "body": "x"} for _ in range(5))

    assert server.lrange(keys.bell(NORMAL), 0, -1) == [b""]
