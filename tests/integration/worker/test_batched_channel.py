"""A channel that takes messages in batches: its waits for bells, the room it has, and what it gives back."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.messaging import Consumer
from pydantic import SecretStr
from redis import Redis
from redis.exceptions import ResponseError

from tasks.calls_under_way import CallsUnderWay
from tests.support.broker_lists import (
    BULK,
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
from worker.broker import configuration
from worker.broker_scripts import TAKE
from worker.in_hand import MOST_BUSY, Room, worth_asking
from worker.lane_order import LaneOrder
from worker.settings import BrokerSettings
from worker.taking import Taking

pytestmark = pytest.mark.integration


@pytest.fixture
def server(redis_url: str) -> Iterator[Any]:
    with Redis.from_url(redis_url) as client:
        yield client


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
    server: Any, worker: Worker
) -> None:
    server.lpush(NORMAL, submitted(1))
    worker.drain()
    worker.got[0].reject(requeue=True)
    (other,) = Taking(keys.ALL_QUEUES, STEPS, list_of, NOTED).run(server, LaneOrder([NORMAL]), PLENTY).arrivals

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
