"""The settings of pacing: what accounts and numbers can take where no configuration says (`docs/pacing.md`)."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from providers.protocol import NumberType
from senders.pacing import AHEAD_S, Pacing
from trunkline_client.words import Lane
from worker.environment import Environment

_MOST_PER_SECOND: Final = 1_000_000
#: Twilio's own queue of a number is 36,000 s long; what comes after that it refuses (21611).
_LONGEST_QUEUE_S: Final = 36_000


class PacingSettings(Environment):
    """What no account and no number is asked for, and how far each lane may fill the provider's queues."""

    concurrent_requests: int = Field(
        default=100,
        ge=0,
        le=10_000,
        description=(
            "How many requests to its provider may run at once for each account, from all workers together; 0 for no "
            "limit. A sender may be [configured](pacing.md) otherwise."
        ),
    )
    calls_per_second: float = Field(
        default=1.0,
        ge=0,
        le=_MOST_PER_SECOND,
        description="How many voice calls a second a Twilio account can take, unless its sender says otherwise.",
    )
    segments_per_second_phone_number: float = Field(
        default=1.0,
        ge=0,
        le=_MOST_PER_SECOND,
        description="How many SMS segments a second an ordinary Twilio number can take, unless it says otherwise.",
    )
    segments_per_second_toll_free: float = Field(
        default=3.0, ge=0, le=_MOST_PER_SECOND, description="The same for a toll-free number."
    )
    segments_per_second_short_code: float = Field(
        default=100.0, ge=0, le=_MOST_PER_SECOND, description="The same for a short code."
    )
    queue_ahead_urgent_s: float = Field(
        default=AHEAD_S[Lane.URGENT],
        ge=0,
        le=_LONGEST_QUEUE_S,
        description="How long a provider's queue may be for an urgent job to join it, in seconds; else it waits here.",
    )
    queue_ahead_normal_s: float = Field(
        default=AHEAD_S[Lane.NORMAL], ge=0, le=_LONGEST_QUEUE_S, description="The same for a normal job."
    )
    queue_ahead_bulk_s: float = Field(
        default=AHEAD_S[Lane.BULK], ge=0, le=_LONGEST_QUEUE_S, description="The same for a bulk job."
    )

    @property
    def pacing(self) -> Pacing:
        """The same as the dispatch flow takes it."""
        return Pacing(
            concurrent_requests=self.concurrent_requests,
            calls_per_second=self.calls_per_second,
            segments_per_second={
                NumberType.PHONE_NUMBER: self.segments_per_second_phone_number,
                NumberType.TOLL_FREE: self.segments_per_second_toll_free,
                NumberType.SHORT_CODE: self.segments_per_second_short_code,
            },
            ahead_s={
                Lane.URGENT: self.queue_ahead_urgent_s,
                Lane.NORMAL: self.queue_ahead_normal_s,
                Lane.BULK: self.queue_ahead_bulk_s,
            },
        )
