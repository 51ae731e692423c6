"""What one worker process shows of itself: its metrics and its health, on a port of its own if one is set."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from tasks.measures import NO_MEASURES, Loop, Measures
from worker.environment import variable
from worker.health import Facts, Verdict, liveness, readiness
from worker.heartbeats import Heartbeats
from worker.metrics import PrometheusMeasures
from worker.metrics_server import MetricsServer
from worker.process_gauges import ProcessGauges
from worker.settings import Settings

_log = structlog.get_logger("trunkline.worker")


class Monitoring:
    """Built once for a process; off until `start` finds a port in the settings.

    Attributes:
        heartbeats: when each part last made progress.
        measures: where the work tells what happens.
    """

    def __init__(self, in_hand: Callable[[], int]) -> None:
        self.heartbeats = Heartbeats(time.monotonic)
        self.measures: Measures = NO_MEASURES
        self._in_hand = in_hand
        self._slots = 0
        self._has_started = False
        self._is_stopping: Callable[[], bool] = lambda: False
        self._has_queues: Callable[[], bool] = lambda: True
        self._server: MetricsServer | None = None

    @property
    def is_on(self) -> bool:
        """Whether anybody can ask."""
        return self._server is not None

    def start(self, settings: Settings, is_stopping: Callable[[], bool]) -> int | None:
        """Serve, if the settings name a port, and return that in use; the process is not ready until `started`.

        Raises:
            PortUnavailable: the port is not to be had.
        """
        if settings.metrics_port is None:
            return None
        self._slots, self._is_stopping = settings.concurrency, is_stopping
        measures = PrometheusMeasures(self.heartbeats, tenants=settings.metrics_tenants)
        measures.registry.register(
            ProcessGauges(
                self.heartbeats,
                slots=self._slots,
                in_hand=self._in_hand,
                is_ready=lambda: self.readiness().is_good,
            )
        )
        server = MetricsServer(measures.registry, {"/livez": self.liveness, "/readyz": self.readiness})
        host = settings.metrics_host
        port = server.start(host, settings.metrics_port, where=variable("metrics_port"))
        self._server, self.measures = server, measures
        _log.info("metrics.serving", host=host, port=port)
        return port

    def started(self, has_queues: Callable[[], bool]) -> None:
        """Note that the process takes messages, as long as it consumes any queue."""
        self._has_started, self._has_queues = True, has_queues

    def polled(self) -> None:
        """Note that a message came from the broker, or the word that there is none."""
        self.heartbeats.turned(Loop.CONSUMER, answered=True)

    def liveness(self) -> Verdict:
        """Return what only a restart mends."""
        return liveness(self._facts())

    def readiness(self) -> Verdict:
        """Return why the process should not be counted on now."""
        return readiness(self._facts())

    def stop(self) -> None:
        """Answer nobody any more."""
        if self._server is not None:
            self._server.stop()

    def _facts(self) -> Facts:
        beats = self.heartbeats
        return Facts(
            has_started=self._has_started,
            is_stopping=self._is_stopping(),
            lateness_s=beats.lateness_s(),
            since_turn_s={loop: beats.since_turn_s(loop) for loop in Loop},
            since_redis_s=beats.since_redis_s(),
            redis_answers_for_s=beats.redis_answers_for_s(),
            since_poll_s=beats.since_turn_s(Loop.CONSUMER),
            is_full=self._in_hand() >= self._slots,
            has_queues=self._has_queues(),
        )
