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

_log = structlog.get_logger("trunkline.broker")


class DispatchConsumer(Consumer):  # type: ignore[misc]  # celery ships no types
    """The consumer of a worker process."""

    _connect_from_s = 0.0

    def connect(self) -> Any:
        """Return a new connection, as `ensure_connected` does, but not right after the one before."""
        while time.monotonic() < self._connect_from_s:
            maybe_shutdown()
            time.sleep(_LOOK_EVERY_S)
        self._connect_from_s = time.monotonic() + BREATHER_S
        return super().connect()

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
