"""How one channel takes messages in batches: what `worker.transport` mixes into kombu's channels."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty
from typing import Any, ClassVar, Final

import structlog
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, OutOfMemoryError

from tasks.calls_under_way import CallsUnderWay
from trunkline_client import keys
from worker.in_hand import Room, worth_asking
from worker.lane_order import LaneOrder
from worker.taking import Answer, Arrival, Taking
from worker.task_message import is_task_message
from worker.unacked import QoS, wake_loop

#: How late a message that nobody rang for may be seen. Redis ends its own waits up to 100 ms late.
LOOK_EVERY_S: Final = 0.05
_WAIT, _TAKE = "BRPOP", "EVALSHA"

_log = structlog.get_logger("trunkline.broker")


class Batched:
    """What both channels do differently; mixed in before kombu's own class."""

    QoS: Any = QoS
    #: told of every answer to a poll: a message, or the word that there is none. Set by `worker.app`.
    on_poll: ClassVar[staticmethod[[], None]] = staticmethod(lambda: None)

    #: counts the jobs that wait for a provider. Set by `worker.app`; None where nobody counts them.
    calls: ClassVar[CallsUnderWay | None] = None

    # What kombu's channel brings along.
    connection: Any
    client: Any
    qos: Any
    active_queues: Any
    priority_steps: Any
    brpop_timeout: int
    connection_errors: Any
    unacked_key: str
    unacked_index_key: str
    _closing: bool
    _create_client: Any
    _flush_brpop_reauth: Any
    _in_poll: Any
    _brpop_sent_at: Any
    _q_for_pri: Any
    _queue_cycle: Any

    #: what to ask for; None on a channel that serves none of our queues.
    _taking: Taking | None = None
    _shared: Any = None
    #: the command that is under way, and whom its answer is for: by then the queues may be others.
    _sent: str | None = None
    _sent_for: Taking | None = None
    _is_more = True
    _is_bulk_held = False
    _is_script_known = True
    _asked_at_s = 0.0

    def before_poll(self) -> None:
        """Tell Redis what is done, and ask for bulk if it was held and there is room for it again."""
        self.qos.forget()
        if self._sent is None and self._taking is not None and not self.qos.can_consume():
            self._is_too_full(self.qos.room())  # kombu asks nothing of a full channel
        if self._sent == _WAIT and self._is_bulk_held:
            room = self.qos.room()
            if room.bulk >= worth_asking(self.qos.prefetch_count):
                self._take(room)

    def look(self) -> None:
        """Ask for messages that nobody rang for."""
        if self._sent == _WAIT and not self._closing and time.monotonic() - self._asked_at_s >= LOOK_EVERY_S / 2:
            room = self.qos.room()
            if room.jobs:
                self._take(room)

    def close(self) -> None:
        """Give back what is in hand, and leave no connection behind."""
        super().close()  # type: ignore[misc]  # kombu ships no types
        self._disconnect_pools()

    @contextmanager
    def conn_or_acquire(self, client: Any = None) -> Iterator[Any]:
        """Yield the client at hand, or the one of this channel; kombu makes a new one each time."""
        if client is None:
            if self._shared is None:
                self._shared = self._create_client()
            client = self._shared
        yield client

    def _disconnect_pools(self) -> None:
        self._shared = None
        super()._disconnect_pools()  # type: ignore[misc]

    def _connparams(self, asynchronous: bool = False) -> Any:  # kombu's signature
        if self.connection is None or self.connection.client is None:
            # kombu handles a connection error: what is in hand comes back, and the claim leaves it.
            raise RedisConnectionError("the channel was closed by an outage")
        return super()._connparams(asynchronous)  # type: ignore[misc]

    def _update_queue_cycle(self) -> None:
        super()._update_queue_cycle()  # type: ignore[misc]
        queues = self.active_queues
        self._taking = self._taking_of(queues) if not keys.OURS.isdisjoint(queues) else None
        self._is_more = True
        if self._taking is None and self._sent == _TAKE:
            # A worker that stops reads nothing more until its jobs have ended: what is on its way would wait so long.
            with suppress(Empty):
                self._brpop_read()

    def _taking_of(self, queues: list[str]) -> Taking:
        return Taking(queues, self.priority_steps, self._q_for_pri, (self.unacked_key, self.unacked_index_key))

    def _brpop_start(self, timeout: int | None = None) -> None:
        """Ask for messages if there may be any, else wait for a bell."""
        if self._taking is None:
            super()._brpop_start(timeout)  # type: ignore[misc]
            return
        room: Room = self.qos.room()
        now = time.monotonic()
        if self._is_more:
            if self._is_too_full(room) and now - self._asked_at_s < LOOK_EVERY_S:
                return  # a little later there is room for more, and the timer looks in any case
            self._sending(_TAKE)
            self._ask(self._taking, room)
        else:
            bells = self._taking.bells_but_bulk if self._is_bulk_held else self._taking.bells
            self._sending(_WAIT)
            self.client.connection.send_command(_WAIT, *(bells or self._taking.bells), timeout or self.brpop_timeout)

    def _is_too_full(self, room: Room) -> bool:
        """Return whether there is too little room to be worth a question; then the loop looks again when there is."""
        enough = worth_asking(self.qos.prefetch_count)
        if room.jobs < enough and self.calls is not None:
            self.calls.wake_at(self.calls.count + enough - room.jobs, wake_loop)
            room = self.qos.room()  # that many may be under way by now
        return room.jobs < enough

    def _sending(self, what: str) -> None:
        self._in_poll, self._brpop_sent_at = self.client.connection, time.monotonic()
        self._sent, self._sent_for = what, self._taking

    def _ask(self, taking: Taking, room: Room) -> None:
        self._asked_at_s = time.monotonic()
        command = taking.command(self._queue_cycle, room, whole=not self._is_script_known)
        self.client.connection.send_packed_command([command])

    def _brpop_read(self, **options: Any) -> bool:
        """Read the answer, and deliver what came.

        Raises:
            Empty: nothing came.
        """
        asked = self._sent_for
        if asked is None:
            return self._read_stock(**options)
        try:
            answer = self._answered(options)
            if self._sent == _WAIT:
                answer = self._ask_now(asked)
            self._is_script_known = self._is_script_known or answer is not None
        finally:
            self._in_poll, self._sent, self._sent_for = None, None, None
            self._flush_brpop_reauth()
        self.on_poll()
        if answer is None or not self._hand_out(asked.read(answer)):
            raise Empty
        return True

    def _ask_now(self, taking: Taking) -> Any:
        """Return the answer to a question over the connection that was waiting, None if it is better not asked."""
        self._is_more = True
        room: Room = self.qos.room()
        if self._closing or self._taking is not taking or not room.jobs:
            return None
        self._ask(taking, room)
        return self._answered({})

    def _answered(self, options: dict[str, Any]) -> Any:
        """Return the next answer; None if the server has to be sent the whole script."""
        connection = self.client.connection
        try:
            answer = self.client.parse_response(connection, _TAKE, **options)
        except NoScriptError:
            self._is_script_known, self._is_more = False, True
            return None
        except self.connection_errors:
            connection.disconnect()  # so that the next turn connects again
            raise
        return answer

    def _read_stock(self, **options: Any) -> bool:
        try:
            found = super()._brpop_read(**options)  # type: ignore[misc]
        finally:
            self.on_poll()
        return bool(found)

    def _take(self, room: Room) -> None:
        """Ask beside the wait for a bell, over another connection, and deliver what came."""
        taking = self._taking
        if taking is None:
            return
        self._asked_at_s = time.monotonic()
        with self.conn_or_acquire() as client:
            answer = taking.run(client, self._queue_cycle, room)
        self.on_poll()
        self._hand_out(answer)

    def basic_get(self, queue: str, no_ack: bool = False, **options: Any) -> Any:
        """Return the next message of one queue, None if it has none."""
        message = super().basic_get(queue, no_ack, **options)  # type: ignore[misc]  # kombu ships no types
        self.qos.forget_unasked()
        return message

    def _get(self, queue: str) -> Any:
        """Return the next message of one queue.

        Raises:
            Empty: it has none.
        """
        with self.conn_or_acquire() as client:
            answer = self._taking_of([queue]).run(client, LaneOrder([queue]), Room(jobs=1, bulk=1), most=1)
        for arrival in answer.arrivals:
            message = self._opened(arrival)
            if message is not None:
                return message
        raise Empty

    def _hand_out(self, answer: Answer) -> bool:
        """Deliver messages, and put back those that nobody waits for any more; returns whether there were any."""
        self._is_more, self._is_bulk_held = answer.is_more, answer.is_bulk_held
        waiting, unwanted = deque(answer.arrivals), []
        try:
            while waiting:
                arrival = waiting.popleft()
                queue = arrival.taken.queue
                self._queue_cycle.rotate(queue, arrival.taken.jobs)
                if self._closing or queue not in self.connection._callbacks:  # noqa: SLF001
                    unwanted.append(arrival)
                    continue
                message = self._opened(arrival)
                if message is not None:
                    self.connection._deliver(message, queue)  # noqa: SLF001
                    self.qos.forget_unasked()
        finally:
            unwanted.extend(waiting)
            if unwanted:
                self.qos.give_back(((each.taken, each.tag, each.message) for each in unwanted), is_next=True)
        return bool(answer.arrivals)

    def _opened(self, arrival: Arrival) -> Any | None:
        """Return a message as kombu wants it, and None for what no task can be made of; that is thrown away."""
        why = "it is no task message"
        try:
            message = json.loads(arrival.message)
        except (ValueError, RecursionError):
            message, why = None, "it is no JSON"
        # Answers to remote control travel on queues of Celery's own, in a form of their own.
        if message is None or (arrival.taken.queue in keys.OURS and not is_task_message(message)):
            _log.error("message.discarded", why=why, queue=arrival.taken.queue)
            if arrival.tag:
                self.qos.forget_later(arrival.tag)
            return None
        self.qos.arriving = (message["properties"]["delivery_tag"], arrival.taken)
        return message

    def _size(self, queue: str) -> int:
        """Return how many messages wait; without a transaction, which a full Redis refuses."""
        with self.conn_or_acquire() as client, client.pipeline(transaction=False) as pipe:
            for step in self.priority_steps:
                pipe.llen(self._q_for_pri(queue, step))
            return sum(pipe.execute())

    def _queue_bind(self, exchange: str, *arguments: Any) -> None:
        """Note which queue belongs to an exchange; remote control and events find each other without."""
        try:
            super()._queue_bind(exchange, *arguments)  # type: ignore[misc]
        except OutOfMemoryError:
            _log.warning("redis.full", exchange=exchange)
