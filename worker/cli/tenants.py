"""`trunkline tenants`: who is configured."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import click
from redis.asyncio import Redis

from senders.store import ConfigStore
from senders.summary import TenantSummary
from worker.cli.support import print_json_list, run_with_redis
from worker.cli.tables import print_table

#: rows of one table: its columns are as wide as its own rows need, and it is shown before the next are read.
_ROWS: Final = 200
_COLUMNS: Final = ("tenant", "version", "senders", "policies", "default chain")


@click.group()
def tenants() -> None:
    """Show the tenants that have a configuration.

    \b
    Example:
      trunkline tenants list
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it


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
    rows: list[tuple[str, ...]] = []
    shown = 0
    async for summary in summaries:
        rows.append(_row(summary))
        if len(rows) == _ROWS:
            print_table(_COLUMNS, rows)
            shown += len(rows)
            rows.clear()
    if rows:
        print_table(_COLUMNS, rows)
    elif not shown:
        click.echo("No tenant is configured. Add some with: trunkline apply FILE")


def _row(one: TenantSummary) -> tuple[str, ...]:
    names = (", ".join(one.senders), ", ".join(one.policies), " then ".join(one.default_chain))
    return (one.tenant, str(one.version), *names)
