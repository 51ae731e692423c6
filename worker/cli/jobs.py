"""`trunkline jobs`: what became of a job, and stopping one in time."""

from __future__ import annotations

import json
import sys

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from trunkline_client import Cancellation, Status, Trunkline
from trunkline_client.errors import TrunklineError
from worker.cli.support import field_of_a_job
from worker.settings import load_broker_settings


class NoSuchJob(TrunklineError):
    """No record has this id: it never existed, or its time of keeping is over."""


@click.group()
def jobs() -> None:
    """Look at single jobs, and cancel them."""


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
def cancel(job_id: str) -> None:
    """Cancel a job that no worker has in hand yet.

    \b
    Example:
      trunkline jobs cancel 5f0c1d
    """  # noqa: D301 - click needs the control character itself
    with _open() as trunkline:
        result = trunkline.cancel(job_id)
    if result is Cancellation.UNKNOWN:
        raise NoSuchJob(f"there is no job {job_id}; finished jobs are kept for a time only")
    if not result:
        click.echo(f"trunkline: it is too late to cancel {job_id}: it was sent, is being sent, or has ended", err=True)
        sys.exit(1)
    click.echo(f"{job_id} cancelled")


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
        Console().print(table)
