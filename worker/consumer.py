"""Celery's consumer, but back within seconds after an outage of Redis of any length, and quiet while it lasts."""

from __future__ import annotations

import time
from typing import Any, Final

import structlog
from celery.worker.consumer import Consumer
from celery.worker.state import maybe_shutdown

#: Celery 5.7 waits 2, 4, 6 ... 30 s between two tries: after an outage of 45 s it came back 11 s late.
RETRY_S: Final = 1.0
#: How far apart connections begin at least. A server that answers but refuses, as a replica does, would get several a
#: second.
BREATHER_S: Final = 2.0
_LOOK_EVERY_S: Final = 0.1
#: How long events of tasks are gathered. Celery publishes them at every turn of its loop: 17% of a busy worker's time.
EVENTS_EVERY_S: Final = 0.1
_MOST_EVENTS: Final = 300

_log = structlog.get_logger("trunkline.broker")


class DispatchConsumer(Consumer):  # type: ignore[misc]  # celery ships no types
    """The consumer of a worker process."""

    _connect_from_s = 0.0
    _is_flush_due = False

    def connect(self) -> Any:
        """Return a new connection, as `ensure_connected` does, but not right after the one before."""
        while time.monotonic() < self._connect_from_s:
            maybe_shutdown()
            time.sleep(_LOOK_EVERY_S)
        self._connect_from_s = time.monotonic() + BREATHER_S
        return super().connect()

    def on_send_event_buffered(self) -> None:
        """See to it that the events gathered by now are published soon, together with those of the next moment."""
        if self.hub is not None and self.event_dispatcher is not None and not self._is_flush_due:
            self._is_flush_due = True
            self.event_dispatcher.buffer_limit = _MOST_EVENTS
            self.hub.call_later(EVENTS_EVERY_S, self._flush_events)

    def shutdown(self) -> None:
        """Publish what the last tasks told; Celery forgets it, and Flower would show them as started for ever."""
        self._flush_events()
        super().shutdown()

    def _flush_events(self) -> None:
        self._is_flush_due = False
        super()._flush_events()

    def ensure_connected(self, conn: Any) -> Any:
        """Return the connection once it stands, trying every `RETRY_S` seconds and without end.

        Raises:
            WorkerShutdown: the worker was told to stop.
        """
        tries = 0

        def waiting(error: Exception, _interval_s: float) -> None:
            nonlocal tries
            if tries == 0:
                _log.warning("broker.waiting", error=type(error).__name__)
            tries += 1

        connected = conn.ensure_connection(
            waiting, interval_start=RETRY_S, interval_step=0, interval_max=RETRY_S, callback=maybe_shutdown
        )
        if tries:
            _log.info("broker.connected", tries=tries + 1)
        self.first_connection_attempt = False
        self.broker_connection_retry_attempt = 0
        return connected
