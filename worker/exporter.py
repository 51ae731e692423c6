"""The queues as metrics: one process reads them from Redis when it is asked, for a whole installation."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import Any, Final

import structlog
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from tasks.backlog import Backlog, BacklogReader, LaneBacklog
from worker.health import Verdict

#: Scrapes within this time of a reading are shown the same: several Prometheis cost Redis no more than one.
FRESH_S: Final = 1.0
#: A Redis that has not answered by then counts as away. Prometheus gives a scrape 10 s.
READ_S: Final = 8.0
#: The probe of a container gives its answer 3 s.
PING_S: Final = 2.0

_log = structlog.get_logger("trunkline.exporter")


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reading brought: the backlog, or None if Redis was away, and how long it took in seconds."""

    backlog: Backlog | None
    took_s: float
    at: float


class BacklogSource:
    """Reads the backlog for threads that ask, at most once in `FRESH_S`, on the event loop that owns the client.

    Args:
        reader: what reads.
        ping: asks Redis for a sign of life.
        loop: where both may.
        monotonic: the local monotonic clock, in seconds.
    """

    def __init__(
        self,
        reader: BacklogReader,
        ping: Callable[[], Coroutine[Any, Any, object]],
        loop: asyncio.AbstractEventLoop,
        monotonic: Callable[[], float],
    ) -> None:
        self._reader = reader
        self._ping = ping
        self._loop = loop
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._last: Reading | None = None

    def reading(self) -> Reading:
        """Return a reading of no more than `FRESH_S` ago; blocks the calling thread while one is made."""
        with self._lock:
            last = self._last
            if last is None or self._monotonic() - last.at > FRESH_S:
                last = self._last = self._read(was_up=last is None or last.backlog is not None)
            return last

    def health(self) -> Verdict:
        """Return whether Redis answers: all that this process needs. A probe reads no backlog."""
        future = asyncio.run_coroutine_threadsafe(self._ping(), self._loop)
        try:
            future.result(PING_S)
        except (RedisError, FutureTimeoutError):
            future.cancel()
            return Verdict(("Redis does not answer",))
        return Verdict(())

    def _read(self, *, was_up: bool) -> Reading:
        started = self._monotonic()
        future = asyncio.run_coroutine_threadsafe(self._reader.read(), self._loop)
        try:
            backlog = future.result(READ_S)
        except (RedisError, FutureTimeoutError) as error:
            future.cancel()
            if was_up:
                _log.warning("exporter.redis_away", error=type(error).__name__)
            backlog = None
        else:
            if not was_up:
                _log.info("exporter.redis_back")
        ended = self._monotonic()
        return Reading(backlog, ended - started, ended)


class BacklogGauges(Collector):
    """Collects the backlog as gauges; nothing of it while Redis is away, so that no old depth stays on a screen."""

    def __init__(self, reading: Callable[[], Reading]) -> None:
        self._reading = reading

    def describe(self) -> Iterable[Metric]:
        """Describe nothing, so that registering asks Redis nothing."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges of a fresh reading."""
        reading = self._reading()
        backlog = reading.backlog
        yield GaugeMetricFamily(
            "trunkline_redis_up", "1 if Redis answered all of this scrape, else 0.", float(backlog is not None)
        )
        yield GaugeMetricFamily(
            "trunkline_backlog_read_seconds", "How long the reading behind this scrape took.", reading.took_s
        )
        if backlog is not None:
            yield from _lanes(backlog.lanes)
            yield from _totals(backlog)
            yield from _tenants(backlog)


def _lanes(lanes: Iterable[LaneBacklog]) -> Iterator[Metric]:
    jobs = GaugeMetricFamily(
        "trunkline_queue_jobs",
        "Jobs that nobody has in hand: those a worker can claim (lane), those whose tenant's window is full (waiting).",
        labels=["queue", "lane", "place"],
    )
    ages = GaugeMetricFamily(
        "trunkline_queue_oldest_age_seconds",
        "Since when the oldest of these jobs is due, those that wait included; 0 if there is none.",
        labels=["queue", "lane"],
    )
    for one in lanes:
        jobs.add_metric([one.queue, one.lane, "lane"], one.in_lane)
        jobs.add_metric([one.queue, one.lane, "waiting"], one.waiting)
        ages.add_metric([one.queue, one.lane], one.oldest_age.total_seconds() if one.oldest_age else 0.0)
    yield from (jobs, ages)


def _totals(backlog: Backlog) -> Iterator[Metric]:
    for name, text, value in (
        ("trunkline_delayed_jobs", "Jobs that wait for their time: schedules, retries and lookups.", backlog.delayed),
        ("trunkline_overdue_jobs", "Delayed jobs whose time has come and that no mover has moved.", backlog.overdue),
        ("trunkline_leased_jobs", "Jobs that workers have in hand, all workers together.", backlog.in_hand),
        ("trunkline_gate_jobs", "Jobs that wait for the capacity of an account or number.", backlog.at_gates),
        ("trunkline_held_jobs", "Jobs parked for an operator.", backlog.held),
        ("trunkline_dead_letters", "Failed jobs that are kept for replay.", backlog.dead),
        ("trunkline_damaged_jobs", "Jobs set aside because their records cannot be worked with.", backlog.damaged),
        ("trunkline_waiting_tenants", "Tenants with jobs that wait for room in a window.", backlog.waiting_tenants),
    ):
        yield GaugeMetricFamily(name, text, value)


def _tenants(backlog: Backlog) -> Iterator[Metric]:
    jobs = GaugeMetricFamily(
        "trunkline_tenant_waiting_jobs",
        "Jobs that wait for room in a tenant's windows; only of the 20 tenants whose first job waits longest.",
        labels=["tenant"],
    )
    ages = GaugeMetricFamily(
        "trunkline_tenant_waiting_age_seconds", "Since when the first of these jobs is due.", labels=["tenant"]
    )
    for wait in backlog.longest_waiting:
        jobs.add_metric([wait.tenant], wait.jobs)
        if wait.oldest_age is not None:
            ages.add_metric([wait.tenant], wait.oldest_age.total_seconds())
    yield from (jobs, ages)
