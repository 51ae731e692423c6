"""How a worker takes messages off its queues in batches, on a real server."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.messaging import Consumer
from pydantic import SecretStr
from redis import Redis
from redis.exceptions import ResponseError

from tasks.calls_under_way import CallsUnderWay
from trunkline_client import Trunkline, keys
from trunkline_client.message import nudge, submit_message
from trunkline_client.words import Lane
from worker.broker import configuration
from worker.broker_scripts import GIVE_BACK, TAKE
from worker.in_hand import MOST_BUSY, Room, worth_asking
from worker.lane_order import LaneOrder
from worker.settings import BrokerSettings
from worker.taking import Answer, Taking

pytestmark = pytest.mark.integration

URGENT, NORMAL, BULK = keys.DISPATCH_QUEUES
FALLBACK = keys.fallback_queue("syniverse")
NOTED = ("unacked", "unacked_index")
PLENTY = Room(jobs=1_000, bulk=1_000)
STEPS = [lane.broker_priority for lane in Lane]


def list_of(queue: str, step: int) -> str:
    return f"{queue}{keys.PRIORITY_SEPARATOR}{step}" if step else queue


@pytest.fixture
def server(redis_url: str) -> Iterator[Any]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def taking() -> Taking:
    return Taking(keys.ALL_QUEUES, STEPS, list_of, NOTED)


def message(number: int, queue: str, jobs: int = 1) -> str:
    built = nudge(f"job-{number}", 1, "acme", Lane.BULK, queue, 0)
    if jobs > 1:
        built["headers"] |= {"task": "trunkline.dispatch_many", "jobs": jobs}
    return json.dumps(built)


def submitted(number: int, queue: str = NORMAL) -> str:
    return json.dumps(submit_message({"tenant": "acme", "body": '"task":"trunkline.dispatch"'}, f"s-{number}", queue))


def fill(server: Any, queue: str, count: int, step: int = 0) -> None:
    server.lpush(list_of(queue, step), *(message(number, queue) for number in range(count)))


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


class Worker:
    """A consumer of all our queues over our transport, without Celery."""

    def __init__(self, url: str, slots: int = 100, queues: tuple[str, ...] = keys.ALL_QUEUES) -> None:
        chosen = configuration(BrokerSettings(redis_url=SecretStr(url)))
        connect: Any = Connection  # kombu ships no types
        self.connection = connect(
            url, transport=chosen["broker_transport"], transport_options=chosen["broker_transport_options"]
        )
        self.channel = self.connection.channel()
        self.channel.calls = None  # the app of another test in this process may count calls
        self.got: list[Any] = []
        consumer: Any = Consumer
        queue: Any = Queue
        exchange: Any = Exchange
        self.consumer = consumer(
            self.channel,
            [queue(name, exchange(""), routing_key=name) for name in queues],
            on_message=self.got.append,
        )
        self.channel.basic_qos(0, slots, False)
        self.consumer.consume()

    def drain(self) -> list[str]:
        """Return the ids of the next messages, once there are any."""
        before = len(self.got)
        while len(self.got) == before:
            self.connection.drain_events(timeout=10)
        return [each.headers["id"] for each in self.got[before:]]


@pytest.fixture
def worker(server: Any, redis_url: str) -> Iterator[Worker]:
    made = Worker(redis_url)
    yield made
    made.connection.close()


def test_messages_come_in_one_batch_and_are_forgotten_in_one_pipeline(server: Any, worker: Worker) -> None:
    server.lpush(NORMAL, *(submitted(number) for number in range(10)))

    assert worker.drain() == [f"s-{number}" for number in range(10)]
    assert server.hlen("unacked") == 10
    for each in worker.got:
        each.ack()
    calls = server.info("commandstats")["cmdstat_hdel"]["calls"] if "cmdstat_hdel" in server.info("commandstats") else 0
    worker.channel.before_poll()

    assert not server.exists(*NOTED)
    assert server.info("commandstats")["cmdstat_hdel"]["calls"] == calls + 1


def test_an_idle_worker_is_rung_for_by_a_producer(server: Any, redis_url: str, worker: Worker) -> None:
    with Trunkline(redis_url) as client:
        client.send_sms(tenant="acme", to="+12015550100", body="one")
        worker.drain()
        sent = threading.Timer(0.05, lambda: client.send_sms(tenant="acme", to="+12015550100", body="two"))
        sent.start()
        worker.channel.brpop_timeout = 0  # without end: only the bell can end it
        (two,) = worker.drain()
        sent.join()

    assert two == f"{worker.got[1].headers['id']}"
    assert not server.exists(keys.bell(NORMAL))


def test_a_message_that_nobody_rang_for_is_found_by_the_timer(server: Any, worker: Worker) -> None:
    server.lpush(NORMAL, message(1, NORMAL))
    worker.drain()
    worker.connection.transport.cycle.on_poll_start()  # waits for a bell from now on
    server.lpush(BULK, message(2, BULK))

    while len(worker.got) < 2:
        worker.connection.transport.cycle.look()

    assert worker.got[1].headers["id"] == "job-2.1"


def test_one_of_two_idle_workers_is_rung_for_and_the_other_finds_what_a_stopped_one_left(
    server: Any, redis_url: str, worker: Worker
) -> None:
    other = Worker(redis_url)
    for each in (worker, other):
        server.lpush(NORMAL, message(0, NORMAL))
        each.drain()
        each.connection.transport.cycle.on_poll_start()  # waits for a bell; the first has waited longest
    with Trunkline(redis_url) as client:
        client.send_sms(tenant="acme", to="+12015550100", body="one")

    while len(other.got) < 2:  # the first does not run, as if it were stopped
        other.connection.transport.cycle.look()
    other.connection.close()

    assert server.llen(NORMAL) == 2  # given back
    assert len(worker.drain()) == 2


def test_a_worker_of_some_queues_leaves_the_others_alone(server: Any, redis_url: str) -> None:
    fill(server, BULK, 1)
    fill(server, NORMAL, 1)
    some = Worker(redis_url, queues=(BULK,))

    some.drain()
    some.connection.transport.cycle.look()

    assert (len(some.got), server.llen(NORMAL)) == (1, 1)
    some.connection.close()


def test_bulk_leaves_slots_for_an_urgent_job(server: Any, redis_url: str) -> None:
    fill(server, BULK, 20)
    flooded = Worker(redis_url, slots=8)

    assert len(flooded.drain()) == 6
    server.lpush(URGENT, message(100, URGENT))
    flooded.connection.transport.cycle.on_poll_start()
    while len(flooded.got) == 6:
        flooded.channel.look()
    assert flooded.got[6].headers["id"] == "job-100.1"

    for each in flooded.got[:6]:
        each.ack()
    while len(flooded.got) == 7:
        flooded.connection.transport.cycle.on_poll_start()
    assert Counter(each.delivery_info["routing_key"] for each in flooded.got) == {BULK: 12, URGENT: 1}
    flooded.connection.close()


class NotedWishes(CallsUnderWay):
    """Notes at how many calls somebody wants to be woken."""

    def __init__(self) -> None:
        super().__init__()
        self.wished: list[int] = []

    def wake_at(self, count: int, wake: Callable[[], None]) -> None:
        self.wished.append(count)
        super().wake_at(count, wake)


def test_a_process_that_is_busy_with_all_it_took_is_woken_as_its_jobs_come_to_their_calls(
    server: Any, worker: Worker
) -> None:
    worker.channel.calls = calls = NotedWishes()
    fill(server, NORMAL, 2 * MOST_BUSY)

    while worker.channel.qos.room().jobs:
        worker.drain()
    worker.connection.transport.cycle.on_poll_start()

    assert server.llen(NORMAL) == MOST_BUSY
    assert calls.wished[-1] == worth_asking(100)


def test_what_is_in_hand_goes_back_to_the_front_in_its_order(server: Any, redis_url: str) -> None:
    server.lpush(NORMAL, message(1, NORMAL), submitted(2), message(3, NORMAL))
    leaving = Worker(redis_url)
    leaving.drain()
    server.lpush(NORMAL, message(4, NORMAL))

    leaving.connection.close()

    found = [json.loads(server.rpop(NORMAL))["headers"]["id"] for _ in range(4)]
    assert found == ["job-1.1", "s-2", "job-3.1", "job-4.1"]
    assert not server.exists(*NOTED)


def test_a_worker_that_stops_gives_back_at_once_what_is_on_its_way(server: Any, worker: Worker) -> None:
    server.script_load(TAKE.text)
    server.lpush(NORMAL, message(1, NORMAL), submitted(2), message(3, NORMAL))
    worker.connection.transport.cycle.on_poll_start()  # the question is under way

    worker.consumer.cancel()  # nothing is read any more until the jobs in hand have ended

    assert [json.loads(each)["headers"]["id"] for each in server.lrange(NORMAL, 0, -1)] == ["job-3.1", "s-2", "job-1.1"]
    assert worker.got == []
    assert not server.exists(*NOTED)


def test_a_submitted_job_that_was_put_back_stays_noted_for_the_worker_that_took_it_next(
    server: Any, worker: Worker, taking: Taking
) -> None:
    server.lpush(NORMAL, submitted(1))
    worker.drain()
    worker.got[0].reject(requeue=True)
    (other,) = taking.run(server, LaneOrder([NORMAL]), PLENTY).arrivals

    worker.channel.before_poll()

    assert server.hkeys("unacked") == server.zrange("unacked_index", 0, -1) == [other.tag.encode()]
    assert worker.channel.qos.room() == Room(jobs=100, bulk=75)


def test_a_message_that_cannot_be_put_back_takes_no_slot_and_stays_noted(server: Any, worker: Worker) -> None:
    server.lpush(NORMAL, submitted(1))
    worker.drain()
    server.set("unacked_index", "of a wrong type")  # as if Redis refused the script

    with pytest.raises(ResponseError):
        worker.got[0].reject(requeue=True)

    assert worker.channel.qos.room() == Room(jobs=100, bulk=75)
    worker.channel.before_poll()
    assert server.hkeys("unacked") == [b"s-1"]
    server.delete("unacked_index")


def test_an_acknowledgement_from_another_thread_is_told_to_redis_by_the_loop(server: Any, worker: Worker) -> None:
    server.lpush(NORMAL, submitted(1))
    worker.drain()
    thread = threading.Thread(target=worker.got[0].ack)
    thread.start()
    thread.join()

    assert server.hlen("unacked") == 1
    worker.connection.transport.cycle.on_poll_start()
    assert not server.exists(*NOTED)


def test_junk_between_messages_is_thrown_away_and_kept_nowhere(server: Any, worker: Worker) -> None:
    broken = json.loads(submitted(2))
    broken["body"] = "no call"
    server.lpush(NORMAL, message(1, NORMAL), "junk", json.dumps(broken), message(3, NORMAL))

    assert worker.drain() == ["job-1.1", "job-3.1"]
    worker.channel.before_poll()
    assert not server.exists(NORMAL, *NOTED)


def test_what_is_kept_and_no_message_is_not_given_back_for_ever(server: Any, worker: Worker) -> None:
    server.hset("unacked", mapping={"a": "junk", "b": '[{"properties":{}},"",""]'})
    server.zadd("unacked_index", {"a": 1, "b": 1, "c": 1})

    worker.channel.qos.restore_visible()

    assert not server.exists(*NOTED)


def test_a_server_that_has_forgotten_the_scripts_is_sent_them_again(server: Any, worker: Worker) -> None:
    server.lpush(NORMAL, message(1, NORMAL))
    worker.drain()
    server.script_flush()
    server.lpush(NORMAL, message(2, NORMAL))

    assert worker.drain() == ["job-2.1"]


def test_one_client_serves_all_commands_of_a_channel(worker: Worker) -> None:
    with worker.channel.conn_or_acquire() as one, worker.channel.conn_or_acquire() as other:
        assert one is other
