"""Cancels the job whose waiting nudge an operator revoked, with `celery control revoke` or in Flower."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Final

import structlog
from redis.asyncio import Redis

from senders.store import AUDIT_EVENTS
from tasks import lua
from trunkline_client import keys

#: The actor in the audit: a revocation does not say who sent it.
ACTOR: Final = "celery control"

_log = structlog.get_logger("trunkline.dispatch")


class Revocation(StrEnum):
    """What came of revoking a nudge."""

    CANCELLED = "cancelled"
    #: the job was cancelled before, by whomever
    BEFORE = "before"
    #: it is being sent, may have been sent, or has ended
    TOO_LATE = "too_late"
    #: the nudge is not the job's latest, or was served already; the job goes on
    STALE = "stale"
    UNKNOWN = "unknown"

    @property
    def is_cancelled(self) -> bool:
        """Whether the job is cancelled now."""
        return self in {Revocation.CANCELLED, Revocation.BEFORE}


def nudge_of(task_id: str) -> tuple[str, str] | None:
    """Return the job and the hop that a nudge's task id `{job}.{hop}` names, None if it has not that form."""
    job_id, _, hop = task_id.rpartition(".")
    return (job_id, hop) if job_id and hop.isdigit() else None


async def revoke(redis: Redis, job_id: str, hop: str) -> Revocation:
    """Cancel the job if its latest nudge is `hop` and nothing was sent of it; a cancellation is recorded in the audit.

    Args:
        redis: a client whose answers are text.
        job_id: the job.
        hop: the hop of the revoked nudge.
    """
    arguments: list[str | int] = [job_id, hop, json.dumps(ACTOR), AUDIT_EVENTS]
    word, _, tenant = await lua.load(redis, "cancel_hop")(keys=[keys.job(job_id)], args=arguments)
    revocation = Revocation(word)
    if revocation is Revocation.CANCELLED:
        _log.info("job.revoked", tenant=tenant, job=job_id)
    return revocation
