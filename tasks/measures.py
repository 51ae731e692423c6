"""What the work on jobs tells those who measure it; `worker.metrics` makes time series of it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Protocol

from providers.faults import Fault
from providers.protocol import AttemptResult
from trunkline_client.words import Channel, JobState, Lane


class LookupResult(StrEnum):
    """What one look for the message of an attempt of unknown outcome brought.

    `contested`: there is one that may be another attempt's. `unclear`: the provider gave no good answer.
    """

    FOUND = "found"
    ABSENT = "absent"
    CONTESTED = "contested"
    UNCLEAR = "unclear"
    CANNOT_ASK = "cannot_ask"


class Loop(StrEnum):
    """What runs for ever in a worker, and must not stop unnoticed."""

    LEASE_KEEPER = "lease_keeper"
    MOVER = "mover"
    SWEEPER = "sweeper"
    FORGETTER = "forgetter"
    DESTROYER = "destroyer"
    CONSUMER = "consumer"


class Measures(Protocol):
    """Told what happens, as it happens. Every method returns within microseconds and raises nothing.

    No method is given a recipient, a text, or an id of a job. One is given a tenant, and must
    bound how many it names.
    """

    def job_claimed(self, queue: str, lane: Lane, waited_s: float) -> None:
        """A job was taken in hand, `waited_s` seconds after it could have been."""

    def attempt_ended(self, provider: str, channel: Channel, result: AttemptResult, took_s: float) -> None:
        """A provider was called, and the call took `took_s` seconds."""

    def told_to_wait(self, provider: str, channel: Channel, wait_s: float) -> None:
        """A provider said "later", and the job waits `wait_s` seconds before it asks again."""

    def looked_up(self, provider: str, result: LookupResult) -> None:
        """A provider was asked about an attempt of unknown outcome."""

    def job_sent(
        self, tenant: str, lane: Lane, provider: str, *, by_fallback: bool, since_wanted_s: float | None
    ) -> None:
        """A provider accepted a job.

        Args:
            by_fallback: whether it was not the first sender of the job's chain.
            since_wanted_s: how long ago it was to be sent, in seconds; None if that is not known.
        """

    def job_ended(self, state: JobState, rule: str | None, fault: Fault | None) -> None:
        """A job ended, or was held, in the hands of this worker."""

    def jobs_put_back(self, by_why: Mapping[str, int]) -> None:
        """The sweeper put jobs back."""

    def loop_turned(self, loop: Loop, *, answered: bool) -> None:
        """A loop is through with a pass; `answered`: Redis did what was asked of it, if anything."""


class NoMeasures:
    """Measures nothing: for commands, for tests, and for workers that show no metrics."""

    def job_claimed(self, queue: str, lane: Lane, waited_s: float) -> None:
        """Do nothing."""

    def attempt_ended(self, provider: str, channel: Channel, result: AttemptResult, took_s: float) -> None:
        """Do nothing."""

    def told_to_wait(self, provider: str, channel: Channel, wait_s: float) -> None:
        """Do nothing."""

    def looked_up(self, provider: str, result: LookupResult) -> None:
        """Do nothing."""

    def job_sent(
        self, tenant: str, lane: Lane, provider: str, *, by_fallback: bool, since_wanted_s: float | None
    ) -> None:
        """Do nothing."""

    def job_ended(self, state: JobState, rule: str | None, fault: Fault | None) -> None:
        """Do nothing."""

    def jobs_put_back(self, by_why: Mapping[str, int]) -> None:
        """Do nothing."""

    def loop_turned(self, loop: Loop, *, answered: bool) -> None:
        """Do nothing."""


NO_MEASURES: Final[Measures] = NoMeasures()
