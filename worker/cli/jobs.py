"""`trunkline jobs`: which jobs there are, what became of each, stopping one in time, and settling one that is held."""

from __future__ import annotations

import click

from worker.cli.job_cancel import cancel
from worker.cli.job_list import list_jobs
from worker.cli.job_show import show
from worker.cli.job_stats import stats
from worker.cli.job_watch import watch
from worker.cli.settle import settle_job


@click.group()
def jobs() -> None:
    """List and count jobs, look at single ones, watch and cancel them, and settle what is held.

    \b
    Example:
      trunkline jobs show login-7731
    """  # noqa: D301 - click needs the control character itself


for command in (cancel, list_jobs, settle_job, show, stats, watch):
    jobs.add_command(command)
