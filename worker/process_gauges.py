"""The gauges of one worker process, read when they are asked for: also from a thread beside a frozen event loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from tasks.measures import Loop
from worker.heartbeats import Heartbeats


class ProcessGauges(Collector):
    """Collects what a process is at the moment."""

    def __init__(
        self, heartbeats: Heartbeats, *, slots: int, in_hand: Callable[[], int], is_ready: Callable[[], bool]
    ) -> None:
        self._heartbeats = heartbeats
        self._slots = slots
        self._in_hand = in_hand
        self._is_ready = is_ready

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges; a loop that has never turned has no age."""
        yield GaugeMetricFamily("trunkline_ready", "1 if /readyz answers 200, else 0.", float(self._is_ready()))
        yield GaugeMetricFamily("trunkline_jobs_in_hand", "Jobs this worker is working on.", self._in_hand())
        yield GaugeMetricFamily("trunkline_job_slots", "How many jobs this worker works on at a time.", self._slots)
        yield GaugeMetricFamily(
            "trunkline_event_loop_lag_seconds",
            "How late the event loop was at worst in the last 15 s.",
            self._heartbeats.worst_lag_s(),
        )
        ages = GaugeMetricFamily(
            "trunkline_progress_age_seconds",
            "Since the last pass of a loop that Redis answered; of the consumer: its last message or empty poll.",
            labels=["loop"],
        )
        for loop in Loop:
            age_s = self._heartbeats.since_answer_s(loop)
            if age_s is not None:
                ages.add_metric([loop], age_s)
        yield ages
