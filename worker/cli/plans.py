"""A plan as a person or a machine reads it."""

from __future__ import annotations

import click

from senders.apply import Plan


def show_plan(planned: Plan, *, to_stderr: bool) -> None:
    """Print what a plan changes, one line for each field."""
    if planned.is_empty:
        click.echo("No changes.", err=to_stderr)
    for tenant in planned.tenants:
        click.echo(f"tenant {tenant.desired.tenant}{'' if tenant.current else ' (new)'}", err=to_stderr)
        for difference in tenant.differences:
            click.echo(f"  {difference}", err=to_stderr)


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
