"""What goes wrong with single jobs on the command line."""

from __future__ import annotations

from trunkline_client.errors import TrunklineError


class NoSuchJob(TrunklineError):
    """No record has this id: it never existed, or its time of keeping is over."""


def no_such_job(job_id: str) -> NoSuchJob:
    """Return the error that says so."""
    return NoSuchJob(f"there is no job {job_id}; finished jobs are kept for a time only")
