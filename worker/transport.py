"""kombu's Redis transport with five holes closed, all seen with kombu 5.7.0 on real servers.

* When Redis dies while tasks finish, their acks run on a channel that is closed already; kombu then fails with
  AttributeError, which Celery takes for "unrecoverable" and exits.
* One list element that is no JSON, or no task message, does the same to every worker that pops it.
* kombu looks into the priority 0 lists of all queues before any other list. A refused normal job in a fallback queue
  waited 26 s behind 300 bulk jobs of a dispatch queue; with the order below it takes its turn.
* The age of a message without an acknowledgement is told by the clocks of two workers. One that was 10 minutes ahead
  put back, every 5 s, all that the others had in hand. See `worker.unacked`.
* A full Redis ends every worker: see there too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import Empty
from typing import Any, ClassVar

import structlog
from kombu.transport import redis as kombu_redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError

from trunkline_client import failover, keys
from worker.task_message import is_task_message
from worker.unacked import QoS, UnacknowledgedQoS, put_back

_log = structlog.get_logger("trunkline.broker")


class _Sturdy:
    """What both channels do differently; mixed in before kombu's own class."""

    QoS: Any = QoS
    #: told of every answer to a poll: a message, or the word that there is none. Set by `worker.app`.
    on_poll: ClassVar[staticmethod[[], None]] = staticmethod(lambda: None)

    # What kombu's channel brings along.
    ack_emulation: bool
    connection: Any
    client: Any
    active_queues: Any
    priority_steps: Any
    brpop_timeout: int
    global_keyprefix: str
    _queue_cycle: Any
    _q_for_pri: Any
    conn_or_acquire: Any
    _in_poll: Any
    _brpop_sent_at: Any

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if not self.ack_emulation:
            self.QoS = UnacknowledgedQoS

    def _restore(self, message: Any, leftmost: bool = False) -> None:
        if self.ack_emulation:
            super()._restore(message, leftmost)  # type: ignore[misc]  # kombu ships no types
        else:
            put_back(self, message, leftmost=leftmost)

    def _connparams(self, asynchronous: bool = False) -> Any:  # kombu's signature
        if self.connection.client is None:
            # kombu handles a connection error of an ack: the message comes back, and the claim leaves it.
            raise RedisConnectionError("the channel was closed by an outage")
        return super()._connparams(asynchronous)  # type: ignore[misc]  # kombu ships no types

    def _brpop_start(self, timeout: int | None = None) -> None:
        """Wait for a message, looking into each queue's priorities before the next queue, in the order of the lanes."""
        queues = self._queue_cycle.consume(len(self.active_queues))
        if not queues:
            return
        lists = [self._q_for_pri(queue, step) for queue in queues for step in self.priority_steps]
        connection = self.client.connection
        self._in_poll = connection
        self._brpop_sent_at = time.monotonic()
        command = ["BRPOP", *lists, timeout or self.brpop_timeout]
        connection.send_command(*(self.client._prefix_args(command) if self.global_keyprefix else command))  # noqa: SLF001

    def _size(self, queue: str) -> int:
        """Return how many messages wait; without a transaction, which a full Redis refuses."""
        with self.conn_or_acquire() as client, client.pipeline(transaction=False) as pipe:
            for step in self.priority_steps:
                pipe.llen(self._q_for_pri(queue, step))
            return sum(pipe.execute())

    def _queue_bind(self, exchange: str, *arguments: Any) -> None:
        """Note which queue belongs to an exchange; remote control and events find each other without."""
        try:
            super()._queue_bind(exchange, *arguments)  # type: ignore[misc]  # kombu ships no types
        except OutOfMemoryError:
            _log.warning("redis.full", exchange=exchange)

    def _brpop_read(self, **options: Any) -> Any:
        try:
            found = super()._brpop_read(**options)  # type: ignore[misc]  # kombu ships no types
        except Empty:
            self.on_poll()
            raise
        except (ValueError, RecursionError) as error:
            # Only decoding the popped element raises them; the element is gone from the list by now.
            _log.error("message.discarded", why="it is no JSON", error=type(error).__name__)
            return True
        self.on_poll()
        return found


class Channel(_Sturdy, kombu_redis.Channel):
    """A channel to a plain server."""

    connection_class = failover.Connection
    connection_class_ssl = failover.TlsConnection


class SentinelChannel(_Sturdy, kombu_redis.SentinelChannel):
    """A channel to the master that Sentinels name."""

    connection_class = failover.SentinelConnection


def tell_polls_to(listener: Callable[[], None]) -> None:
    """Let `listener` know of every answer to a poll on any channel of this process."""
    _Sturdy.on_poll = staticmethod(listener)


class _Careful:
    """Delivers only whole task messages from our queues."""

    def _deliver(self, message: Any, queue: str) -> None:
        # Events and remote control travel on queues of Celery's own, in a form of their own.
        if queue not in keys.ALL_QUEUES or is_task_message(message):
            super()._deliver(message, queue)  # type: ignore[misc]  # kombu ships no types
        else:
            _log.error("message.discarded", why="it is no task message", queue=queue)


class Transport(_Careful, kombu_redis.Transport):
    """The transport for `redis://` and `rediss://`."""

    Channel = Channel


class SentinelTransport(_Careful, kombu_redis.SentinelTransport):
    """The transport for `sentinel://`."""

    Channel = SentinelChannel
