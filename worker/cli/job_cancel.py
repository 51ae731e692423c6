"""`trunkline jobs cancel`: stop jobs that nothing was sent of."""

from __future__ import annotations

import sys
from typing import Final

import click

from trunkline_client import Cancellation, Status, Trunkline
from trunkline_client.limits import RULES
from trunkline_client.words import JobState
from worker.cli.job_errors import no_such_job
from worker.cli.support import print_json
from worker.settings import load_broker_settings

_EXIT_REFUSED: Final = 1
#: why it is too late, by the state of the job.
_TOO_LATE: Final[dict[str, str]] = {
    JobState.DISPATCHING: "it is being sent now",
    JobState.RECONCILING: "it may have been sent, and is being looked up",
    JobState.HELD: "it may have been sent, and is held for that: `trunkline jobs settle` ends it",
    JobState.SENT: "it was sent",
    JobState.DELIVERED: "it was sent",
    JobState.UNDELIVERED: "it was sent",
    JobState.REJECTED: "it was rejected, and nothing was sent",
    JobState.FAILED: "it has failed",
    JobState.EXPIRED: "its life was over",
}


def _ids(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    for problem in filter(None, map(RULES["id"].problem, given)):
        raise click.BadParameter(problem)
    return tuple(dict.fromkeys(given))


@click.command()
@click.argument("job_ids", nargs=-1, required=True, metavar="ID...", callback=_ids)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def cancel(job_ids: tuple[str, ...], *, as_json: bool) -> None:
    """Cancel jobs that nothing was sent of.

    That is possible while a job waits, between two attempts that were refused, and while it is held before any call.
    The exit code is 1 if it was too late for one of them.

    \b
    Example:
      trunkline jobs cancel 5f0c1d
      trunkline jobs cancel 5f0c1d 60aa01 --json
    """  # noqa: D301 - click needs the control character itself
    cancelled: list[str] = []
    refused: list[dict[str, str]] = []
    with Trunkline(load_broker_settings().redis_url.get_secret_value()) as trunkline:
        for job_id in job_ids:
            problem = _cancel(trunkline, job_id)
            if problem is None:
                cancelled.append(job_id)
            else:
                refused.append({"id": job_id, "reason": problem})
            if not as_json:  # at once: if Redis is lost on the way, the operator has to know what was done
                click.echo(f"trunkline: {problem}" if problem else f"{job_id} cancelled", err=problem is not None)
    if as_json:
        print_json({"cancelled": cancelled, "refused": refused})
    if refused:
        sys.exit(_EXIT_REFUSED)


def _cancel(trunkline: Trunkline, job_id: str) -> str | None:
    """Cancel one job, and return why that was not possible, None if it was."""
    result = trunkline.cancel(job_id)
    if result is Cancellation.UNKNOWN:
        return str(no_such_job(job_id))
    return None if result else f"it is too late to cancel {job_id}: {_why(trunkline.status(job_id))}"


def _why(status: Status | None) -> str:
    """Return why it is too late, by what became of the job since."""
    return _TOO_LATE.get(status["state"], "it was being sent: try again") if status else "it has ended"
