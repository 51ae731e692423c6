"""`trunkline tenants`: who is configured."""

from __future__ import annotations

import click
from redis.asyncio import Redis
from rich.console import Console
from rich.table import Table

from senders.model import TenantConfig
from senders.store import ConfigStore
from worker.cli.support import print_json, run_with_redis


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
    configs = run_with_redis(_load_all)
    if as_json:
        print_json([_as_json(config) for config in configs])
    else:
        _show(configs)


async def _load_all(redis: Redis) -> list[TenantConfig]:
    store = ConfigStore(redis)
    loaded = [await store.load(name) for name in await store.tenants()]
    return [config for config in loaded if config is not None]


def _as_json(config: TenantConfig) -> dict[str, object]:
    return {
        "tenant": config.tenant,
        "version": config.version,
        "senders": sorted(config.senders),
        "policies": sorted(config.policies),
        "default_chain": list(config.default_chain),
    }


def _show(configs: list[TenantConfig]) -> None:
    console = Console()
    if not configs:
        console.print("No tenant is configured. Add some with: trunkline apply FILE", highlight=False)
        return
    table = Table("tenant", "version", "senders", "policies", "default chain")
    for config in configs:
        table.add_row(
            config.tenant,
            str(config.version),
            ", ".join(sorted(config.senders)),
            ", ".join(sorted(config.policies)),
            " then ".join(config.default_chain),
        )
    console.print(table)
