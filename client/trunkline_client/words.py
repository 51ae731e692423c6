"""The closed vocabularies of the wire contract: channels, lanes, job states, places."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum


class Channel(StrEnum):
    """How a message reaches its recipient."""

    SMS = "sms"
    VOICE = "voice"


class Lane(StrEnum):
    """How soon a job is served; the job field is called `priority`."""

    URGENT = "urgent"
    NORMAL = "normal"
    BULK = "bulk"

    @property
    def default_life(self) -> timedelta:
        """How long a job of this lane may wait before it is `expired`, from `send_at` or its enqueue."""
        return _DEFAULT_LIFE[self]

    @property
    def broker_priority(self) -> int:
        """The Celery priority step that carries this lane inside a fallback queue; 0 is served first."""
        return _BROKER_PRIORITY[self]


_DEFAULT_LIFE = {
    Lane.URGENT: timedelta(minutes=5),
    Lane.NORMAL: timedelta(hours=1),
    Lane.BULK: timedelta(hours=24),
}
_BROKER_PRIORITY = {Lane.URGENT: 0, Lane.NORMAL: 3, Lane.BULK: 6}


class JobState(StrEnum):
    """Where a job stands; `FINISHED` names those no worker will change again, receipts aside."""

    QUEUED = "queued"
    SCHEDULED = "scheduled"
    DISPATCHING = "dispatching"
    RECONCILING = "reconciling"
    HELD = "held"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    REJECTED = "rejected"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def is_finished(self) -> bool:
        """Whether the job has left every place and will not be sent any more."""
        return self in FINISHED


FINISHED = frozenset(
    {
        JobState.SENT,
        JobState.DELIVERED,
        JobState.UNDELIVERED,
        JobState.REJECTED,
        JobState.FAILED,
        JobState.EXPIRED,
        JobState.CANCELLED,
    }
)


class Place(StrEnum):
    """Where an unfinished job is; it is in exactly one."""

    LANE = "lane"
    WAITING = "waiting"
    GATE = "gate"
    DELAYED = "delayed"
    ATTEMPT = "attempt"
    HELD = "held"


class OnUnknown(StrEnum):
    """What to do when nobody can say whether a provider took a message."""

    RECONCILE = "reconcile"
    HOLD = "hold"
    RESEND = "resend"
