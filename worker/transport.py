"""A Redis transport for Celery on kombu's: it takes messages in batches, and none is lost with a killed worker.

kombu pops one message at a time, and notes afterwards that it has it: what a worker had popped and not noted is gone
with it. Here one script (`take.lua`) pops as many as there is room for and notes those that are the only copy of a job,
in the same step. So nothing may block on the lists themselves. An idle process blocks on the *bells* of its queues
instead: whoever writes a nudge rings (`place.lua`), Redis lets one waiting process hear it, and that one asks at once.
Producers that write lists by themselves do not ring; for them a timer asks every `LOOK_EVERY_S`.

What kombu 5.7.0 did besides, all seen on real servers, and does not do here:

* One list element that is no JSON, or no task message, ended every worker that popped it.
* It looks into the priority 0 lists of all queues before any other list. A refused normal job in a fallback queue
  waited 26 s behind 300 bulk jobs of a dispatch queue.
* It makes a new Redis client for each command: 18% of the samples of a busy worker.
* A full Redis, and a clock that is wrong, ended workers or doubled messages: see `worker.unacked`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kombu.transport import redis as kombu_redis

from tasks.calls_under_way import CallsUnderWay
from trunkline_client import failover
from worker.batched import LOOK_EVERY_S, Batched


class Channel(Batched, kombu_redis.Channel):  # type: ignore[misc]  # kombu's base declares `_get` without arguments
    """A channel to a plain server."""

    connection_class = failover.Connection
    connection_class_ssl = failover.TlsConnection


class SentinelChannel(Batched, kombu_redis.SentinelChannel):  # type: ignore[misc]  # the same
    """A channel to the master that Sentinels name."""

    connection_class = failover.SentinelConnection


def attach(on_poll: Callable[[], None], calls: CallsUnderWay) -> None:
    """Let every channel of this process tell of its polls, and know how many jobs wait for a provider."""
    Batched.on_poll = staticmethod(on_poll)
    Batched.calls = calls


class _Poller(kombu_redis.MultiChannelPoller):
    """Lets each channel do what it does once in each turn of the loop."""

    def on_poll_start(self) -> None:
        for channel in tuple(self._channels):
            channel.before_poll()
        super().on_poll_start()  # type: ignore[no-untyped-call]

    def look(self) -> None:
        """Let each channel ask for messages that nobody rang for; an outage is noticed by the wait itself."""
        for channel in tuple(self._channels):
            try:
                channel.look()
            except channel.connection_errors:
                return


class _WithPoller:
    """What both transports do differently; mixed in before kombu's own class."""

    cycle: Any

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.cycle = _Poller()  # type: ignore[no-untyped-call]
        self._timer: Any = None

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        super().register_with_event_loop(connection, loop)  # type: ignore[misc]
        self._timer = loop.call_repeatedly(LOOK_EVERY_S, self.cycle.look)

    def close_connection(self, connection: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().close_connection(connection)  # type: ignore[misc]


class Transport(_WithPoller, kombu_redis.Transport):
    """The transport for `redis://` and `rediss://`."""

    Channel = Channel


class SentinelTransport(_WithPoller, kombu_redis.SentinelTransport):
    """The transport for `sentinel://`."""

    Channel = SentinelChannel
