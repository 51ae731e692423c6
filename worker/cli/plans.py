"""A plan as a person or a machine reads it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import click

from senders.apply import Plan
from senders.differences import Change, Difference
from senders.shown import shown


def show_plan(planned: Plan, *, to_stderr: bool) -> None:
    """Print what a plan changes: a line for each field, three for one that would not fit the terminal."""
    width = shutil.get_terminal_size().columns
    if planned.is_empty:
        click.echo("No changes.", err=to_stderr)
    for tenant in planned.tenants:
        click.echo(f"tenant {tenant.desired.tenant}{'' if tenant.current else ' (new)'}", err=to_stderr)
        for line in (line for one in tenant.differences for line in _lines(one, width)):
            click.echo(f"  {line}", err=to_stderr)


def _lines(difference: Difference, width: int) -> Iterator[str]:
    line = str(difference)
    if difference.change is not Change.CHANGE or len(line) + 2 <= width:
        yield line
        return
    yield f"~ {shown(difference.field)}:"
    yield f"    from {shown(difference.before or '')}"
    yield f"    to   {shown(difference.after or '')}"


def plan_json(planned: Plan) -> list[dict[str, str | None]]:
    """Return what a plan changes, for machines."""
    return [
        {
            "tenant": tenant.desired.tenant,
            "change": difference.change.value,
            "field": difference.field,
            "before": difference.before,
            "after": difference.after,
        }
        for tenant in planned.tenants
        for difference in tenant.differences
    ]
