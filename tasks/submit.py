"""Takes in a job that came whole through the broker, from a producer that speaks Celery's protocol only."""

from __future__ import annotations

from typing import Any

import structlog
from redis.exceptions import RedisError

from tasks.contract import validate
from tasks.journal import Journal
from tasks.report import Report
from trunkline_client import AsyncTrunkline, Handle, limits
from trunkline_client.errors import JobConflict, JobInvalid, NotAccepted, TrunklineError
from trunkline_client.words import JobState

_log = structlog.get_logger("trunkline.submit")


class SubmitAgain(TrunklineError):
    """Redis did not confirm a submitted job; its message must stay with the broker."""


async def submit(journal: Journal, client: AsyncTrunkline, job: object, task_id: object) -> Report:
    """Record a submitted job, or record why not; a redelivered message is the same job.

    Args:
        job: the job as it came; without an `id`, the task's id becomes the job's.
        task_id: the id of the Celery message; text, unless the producer made a slip.

    Raises:
        SubmitAgain: Redis did not confirm it; the message must not be acknowledged.
    """
    given = dict(job) if isinstance(job, dict) else {}
    if given.get("id") is None:
        given["id"] = str(task_id)
    try:
        return await _record(journal, client, given, str(task_id))
    except RedisError as error:
        raise SubmitAgain(f"Redis did not confirm a submitted job ({type(error).__name__})") from error


async def _record(journal: Journal, client: AsyncTrunkline, given: dict[str, Any], task_id: str) -> Report:
    try:
        validate(given)
    except JobInvalid as invalid:
        return await _reject(journal, given, task_id, invalid)
    (sent,) = await client.send_many([given])
    match sent:
        case Handle():
            return Report("recorded" if sent.created else "recorded before", sent.state)
        case JobConflict():
            _log.warning("submit.conflict", job=sent.job_id, task=task_id)
            return Report("rejected conflict")
        case JobInvalid():
            return await _reject(journal, given, task_id, sent)
        case NotAccepted():
            raise SubmitAgain(str(sent)) from sent


async def _reject(journal: Journal, given: dict[str, Any], task_id: str, invalid: JobInvalid) -> Report:
    """Keep what may be kept of a bad job: its id, its tenant, and the names of the wrong fields."""
    job_id, tenant = given["id"], given.get("tenant")
    fields = tuple(error.field for error in invalid.errors)
    if "id" in fields or not isinstance(job_id, str):
        job_id = task_id
    if "tenant" in fields or not isinstance(tenant, str):
        tenant = ""
    known = limits.ID_FORM.fullmatch(job_id) is not None
    shown = {"job": job_id if known else None, "tenant": tenant or None}
    _log.warning("submit.rejected", task=task_id, fields=list(fields), **shown)
    if known:
        await journal.reject_unrecorded(job_id, tenant, fields)
    return Report("rejected contract", JobState.REJECTED)
