"""The time series of one worker process: what `tasks.measures` is told. `docs/metrics.md` lists them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics

from providers.faults import Fault, Outcome
from providers.protocol import AttemptResult
from tasks.measures import LookupResult, Loop
from trunkline_client import keys
from trunkline_client.words import Channel, JobState, Lane
from worker.heartbeats import Heartbeats
from worker.tenant_labels import TenantLabels

#: From an idle lane to the life of a normal job.
WAIT_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
#: From a provider next door to the deadline of an attempt.
CALL_S: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 15)
#: Made for passcodes: 0.1 s is what a user does not notice, 30 s is when most ask for another one, 300 s their life.
ACCEPT_S: Final = (0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 900, 3600)
#: the value of a label that does not apply.
NONE: Final = "none"

Series = TypeVar("Series", Counter, Histogram)


class _Children(dict[tuple[str, ...], Series], Generic[Series]):
    """The series of one metric by label values, resolved once each: `labels()` takes ten times as long as a look-up."""

    def __init__(self, metric: Series) -> None:
        super().__init__()
        self._metric: Series = metric

    def __missing__(self, values: tuple[str, ...]) -> Series:
        child: Series = self._metric.labels(*values)
        self[values] = child
        return child


class PrometheusMeasures:
    """Implements `tasks.measures.Measures` on a registry of its own.

    Args:
        heartbeats: told which loops turn.
        tenants: how many tenants get a label of their own.
    """

    def __init__(self, heartbeats: Heartbeats, *, tenants: int) -> None:
        # Process-wide in the library: without it every counter and histogram has a second series, its birthday.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._heartbeats = heartbeats
        self._tenants = TenantLabels(tenants)
        self._attempts = self._counter(
            "trunkline_attempts",
            "Calls to providers that ended, by how. Retries count again; senders passed without a call do not count.",
            "provider", "channel", "outcome", "fault",
        )  # fmt: skip
        self._calls = self._histogram(
            "trunkline_provider_call_seconds",
            "How long calls to providers took.",
            CALL_S, "provider", "channel", "outcome",
        )  # fmt: skip
        self._waits = self._histogram(
            "trunkline_queue_wait_seconds",
            "From when a job could have been claimed (it was due, and in this queue) to its claim. Counts each claim.",
            WAIT_S, "queue", "lane",
        )  # fmt: skip
        self._accepts = self._histogram(
            "trunkline_enqueue_to_accept_seconds",
            "From a job's enqueue, or its send_at, to the acceptance by a provider. Replayed jobs are left out.",
            ACCEPT_S, "lane", "provider",
        )  # fmt: skip
        self._sent = self._counter(
            "trunkline_jobs_sent",
            "Jobs that a provider accepted, by tenant, and by the first sender of the chain (own) or a later one.",
            "tenant", "by",
        )  # fmt: skip
        self._ended = self._counter(
            "trunkline_jobs_ended",
            "Jobs that ended or were held in this worker's hands, by state, rule of rejection, fault of failure.",
            "state", "rule", "fault",
        )  # fmt: skip
        self._throttles = self._counter(
            "trunkline_throttle_waits", 'Waits because a provider said "later".', "provider", "channel"
        )
        self._throttle_s = self._counter(
            "trunkline_throttle_wait_seconds",
            'How long jobs were made to wait because a provider said "later".',
            "provider", "channel",
        )  # fmt: skip
        self._lookups = self._counter(
            "trunkline_lookups", "Questions about attempts of unknown outcome, by answer.", "provider", "result"
        )
        self._put_back = self._counter(
            "trunkline_jobs_put_back", "Jobs that the sweeper put back where they belong, by why.", "reason"
        )
        ProcessCollector(registry=self.registry)
        self._show_what_alerts_ask_for()

    def _show_what_alerts_ask_for(self) -> None:
        """Begin at 0 what alerts look at: `increase()` does not see a series' first value."""
        for provider in keys.FALLBACK_PROVIDERS:
            for channel in Channel:
                for fault in (Fault.AUTH, Fault.ACCOUNT):
                    _ = self._attempts[provider, channel, Outcome.REFUSED, fault]
                _ = self._attempts[provider, channel, Outcome.UNKNOWN, NONE]
        _ = self._ended[JobState.HELD, NONE, NONE]

    def job_claimed(self, queue: str, lane: Lane, waited_s: float) -> None:
        """Count the wait."""
        self._waits[queue, lane].observe(max(0.0, waited_s))

    def attempt_ended(self, provider: str, channel: Channel, result: AttemptResult, took_s: float) -> None:
        """Count the attempt and the time of its call."""
        self._attempts[provider, channel, result.outcome, result.fault or NONE].inc()
        self._calls[provider, channel, result.outcome].observe(took_s)

    def told_to_wait(self, provider: str, channel: Channel, wait_s: float) -> None:
        """Count the wait."""
        self._throttles[provider, channel].inc()
        self._throttle_s[provider, channel].inc(wait_s)

    def looked_up(self, provider: str, result: LookupResult) -> None:
        """Count the lookup."""
        self._lookups[provider, result].inc()

    def job_sent(
        self, tenant: str, lane: Lane, provider: str, *, by_fallback: bool, since_wanted_s: float | None
    ) -> None:
        """Count the job for its tenant, or for all others, and the time it took."""
        self._sent[self._tenants.label(tenant), "fallback" if by_fallback else "own"].inc()
        if since_wanted_s is not None:
            self._accepts[lane, provider].observe(max(0.0, since_wanted_s))

    def job_ended(self, state: JobState, rule: str | None, fault: Fault | None) -> None:
        """Count the end."""
        self._ended[state, rule or NONE, fault or NONE].inc()

    def jobs_put_back(self, by_why: Mapping[str, int]) -> None:
        """Count the jobs."""
        for why, jobs in by_why.items():
            self._put_back[(why,)].inc(jobs)

    def loop_turned(self, loop: Loop, *, answered: bool) -> None:
        """Note the turn."""
        self._heartbeats.turned(loop, answered=answered)

    def _counter(self, name: str, text: str, *labels: str) -> _Children[Counter]:
        return _Children(Counter(name, text, labels, registry=self.registry))

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> _Children[Histogram]:
        return _Children(Histogram(name, text, labels, buckets=buckets, registry=self.registry))
