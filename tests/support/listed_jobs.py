"""Jobs as the journal's scripts leave them, with the indexes that lead to them, written at once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from tests.support.journal import TextRedis
from trunkline_client import keys
from trunkline_client.words import JobState

LISTED_ENDS: Final = frozenset({JobState.FAILED, JobState.REJECTED, JobState.EXPIRED, JobState.CANCELLED})
_PLACES: Final = {
    JobState.HELD: ("held", keys.HELD),
    JobState.DISPATCHING: ("attempt", keys.LEASES),
    JobState.RECONCILING: ("delayed", keys.DELAYED),
    JobState.SCHEDULED: ("delayed", keys.DELAYED),
}


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A job to write.

    Attributes:
        tried: its attempts, as (sender, provider); of a job that was sent the last one is the accepted one.
        is_gone: whether its record has expired, and its entries in the indexes have not been forgotten yet.
    """

    id: str
    created_ms: int
    tenant: str = "acme"
    state: JobState = JobState.SENT
    channel: str = "sms"
    lane: str = "normal"
    fault: str | None = None
    rule: str | None = None
    country: str | None = None
    reference: str | None = None
    tried: tuple[tuple[str, str], ...] = ()
    is_gone: bool = False

    @property
    def accepted(self) -> tuple[str, str] | None:
        """Sender and provider of the accepted attempt."""
        return self.tried[-1] if self.state is JobState.SENT and self.tried else None

    def record(self) -> dict[str, Any]:
        """Return the fields of its record."""
        fields: dict[str, Any] = {
            "v": 1,
            "created_ms": self.created_ms,
            "attempts": len(self.tried),
            "queue": "dispatch.normal",
        }
        fields |= {
            "expires_ms": self.created_ms + 3_600_000,
            "due_ms": self.created_ms,
            "hop": 1,
            "fence": 1,
            "step": 0,
        }
        for name in ("tenant", "state", "channel", "lane", "fault", "rule", "country"):
            if getattr(self, name) is not None:
                fields[name] = str(getattr(self, name))
        fields["options"] = json.dumps({"reference": self.reference} if self.reference else {})
        for number, (sender, provider) in enumerate(self.tried, start=1):
            begun = {"id": f"{self.id}.a{number}", "sender": sender, "provider": provider, "account": sender}
            fields[f"attempt:{number}"] = json.dumps(begun | {"started_ms": self.created_ms})
            refused = {"outcome": "refused", "fault": "auth", "code": "20003", "ended_ms": self.created_ms + 90}
            fields[f"result:{number}"] = json.dumps(refused)
        if self.accepted:
            fields["sender"], fields["provider"] = self.accepted
            fields |= {"account": self.accepted[0], "provider_id": f"SM{self.id}"}
            fields[f"result:{len(self.tried)}"] = json.dumps({"outcome": "accepted", "provider_id": f"SM{self.id}"})
        if self.state.is_finished:
            fields["finished_ms"] = self.created_ms + 100
        else:
            fields["place"] = _PLACES.get(self.state, ("lane", ""))[0]
        return fields


def write(pipeline: TextRedis, job: Sample) -> None:
    """Add the commands that write a job to a pipeline."""
    created = {job.id: job.created_ms}
    if not job.is_gone:
        pipeline.hset(keys.job(job.id), mapping=job.record())
    pipeline.zadd(keys.JOBS, created)
    pipeline.zadd(keys.jobs(job.tenant), created)
    if job.reference:
        pipeline.zadd(keys.REFERENCES, {f"{job.reference}\n{job.created_ms:013}\n{job.id}": 0})
    if job.state in LISTED_ENDS:
        pipeline.zadd(keys.ended(job.state), created)
    if not job.state.is_finished:
        pipeline.zadd(keys.UNFINISHED, created)
    if job.state in _PLACES:
        pipeline.zadd(_PLACES[job.state][1], {job.id: -job.created_ms})  # by another order
