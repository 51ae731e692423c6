"""`trunkline tenants`: who is configured."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Final

import click
from redis.asyncio import Redis
from rich.console import Console
from rich.table import Table

from senders.store import ConfigStore
from senders.summary import TenantSummary
from worker.cli.support import print_json_list, run_with_redis

#: rows of one table: its columns are as wide as its own rows need, and it is shown before the next are read.
_ROWS: Final = 200


@click.group()
def tenants() -> None:
    """Show the tenants that have a configuration."""


@tenants.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
def list_tenants(as_json: bool) -> None:
    """List every tenant with its senders.

    \b
    Example:
      trunkline tenants list --json
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it

    async def show(redis: Redis) -> None:
        summaries = ConfigStore(redis).summaries()
        await (print_json_list(one.as_json() async for one in summaries) if as_json else _show(summaries))

    run_with_redis(show)


async def _show(summaries: AsyncIterator[TenantSummary]) -> None:
    console = Console()
    rows: list[TenantSummary] = []
    shown = 0
    async for summary in summaries:
        rows.append(summary)
        if len(rows) == _ROWS:
            console.print(_table(rows))
            shown += len(rows)
            rows.clear()
    if rows:
        console.print(_table(rows))
    elif not shown:
        console.print("No tenant is configured. Add some with: trunkline apply FILE", highlight=False)


def _table(summaries: Iterable[TenantSummary]) -> Table:
    table = Table("tenant", "version", "senders", "policies", "default chain")
    for one in summaries:
        table.add_row(
            one.tenant,
            str(one.version),
            ", ".join(one.senders),
            ", ".join(one.policies),
            " then ".join(one.default_chain),
        )
    return table
