"""`trunkline jobs`: which jobs there are, what became of one, stopping one in time, and settling one that is held."""

from __future__ import annotations

import json
from typing import Final

import click
from rich.table import Table
from rich.text import Text

from trunkline_client import Cancellation, Status, Trunkline
from trunkline_client.errors import TrunklineError
from trunkline_client.words import JobState
from worker.cli.job_list import list_jobs
from worker.cli.settle import settle_job
from worker.cli.support import field_of_a_job, print_json
from worker.cli.tables import console
from worker.settings import load_broker_settings


class NoSuchJob(TrunklineError):
    """No record has this id: it never existed, or its time of keeping is over."""


class TooLate(TrunklineError):
    """A job cannot be cancelled any more; the text says why."""


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


@click.group()
def jobs() -> None:
    """List jobs, look at single ones, cancel them, and settle what is held.

    \b
    Example:
      trunkline jobs show login-7731
    """  # noqa: D301 - click needs the control character itself


jobs.add_command(list_jobs)
jobs.add_command(settle_job)


@jobs.command()
@click.argument("job_id", callback=field_of_a_job)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(job_id: str, *, as_json: bool) -> None:
    """Show a job's state and every attempt; nothing shown is private.

    \b
    Example:
      trunkline jobs show 5f0c1d --json
    """  # noqa: D301 - click needs the control character itself
    with _open() as trunkline:
        status = trunkline.status(job_id)
    if status is None:
        raise NoSuchJob(f"there is no job {job_id}; finished jobs are kept for a time only")
    if as_json:
        click.echo(json.dumps(status))
    else:
        _print(status)


@jobs.command()
@click.argument("job_id", callback=field_of_a_job)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def cancel(job_id: str, *, as_json: bool) -> None:
    """Cancel a job that nothing was sent of.

    That is possible while it waits, between two attempts that were refused, and while it is held before any call.

    \b
    Example:
      trunkline jobs cancel 5f0c1d
    """  # noqa: D301 - click needs the control character itself
    with _open() as trunkline:
        result = trunkline.cancel(job_id)
        status = None if result else trunkline.status(job_id)
    if result is Cancellation.UNKNOWN:
        raise NoSuchJob(f"there is no job {job_id}; finished jobs are kept for a time only")
    if not result:
        raise TooLate(f"it is too late to cancel {job_id}: {_why(status)}")
    if as_json:
        print_json({"id": job_id, "state": JobState.CANCELLED.value})
    else:
        click.echo(f"{job_id} cancelled")


def _why(status: Status | None) -> str:
    """Return why it is too late, by what became of the job since."""
    return _TOO_LATE.get(status["state"], "it was being sent: try again") if status else "it has ended"


def _open() -> Trunkline:
    return Trunkline(load_broker_settings().redis_url.get_secret_value())


def _print(status: Status) -> None:
    why = status["fault"] or status["rule"]
    click.echo(f"{status['id']} {status['state']}" + (f" ({why})" if why else ""))
    if status["account"]:
        click.echo(f"sender {status['sender']}, account charged {status['account']}, message {status['provider_id']}")
    for mark in ("maybe_twice", "maybe_sent"):
        if status[mark]:
            click.echo(mark)
    table = Table("attempt", "sender", "number", "outcome", "fault", "code", box=None)
    for number, attempt in enumerate(status["attempts"], start=1):
        shown = (attempt["sender"], attempt["number"], attempt["outcome"] or "open", attempt["fault"], attempt["code"])
        # As Text: in markup, the `:100:` of an id like order:100:sms is an emoji.
        table.add_row(str(number), *(Text(text or "-") for text in shown))
    if table.row_count:
        console().print(table)
