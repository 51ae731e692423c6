"""`trunkline export`: the stored configuration as a file that `trunkline apply` takes back unchanged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import click
from redis.asyncio import Redis

from senders.editing import TenantUnknown
from senders.file_tree import Reference, stored, tree_of
from senders.model import TenantConfig
from senders.store import ConfigStore
from senders.yaml_writing import write_yaml
from worker.cli.support import print_json, run_with_redis

_STORED_NOTE: Final = "# ${stored} stands for the stored credential of a sender; no credential is in this file.\n"
_ENVIRONMENT_NOTE: Final = "# No credential is in this file: before applying it, set\n"


@click.command()
@click.argument("tenants", nargs=-1, metavar="[TENANT]...")
@click.option(
    "--references",
    type=click.Choice(["stored", "environment"]),
    default="stored",
    show_default=True,
    help="What stands for a credential: the stored one, or an environment variable (for another installation).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the same content as JSON.")
def export(tenants: tuple[str, ...], references: str, as_json: bool) -> None:
    """Print the configuration of TENANTs, or of all, as a file for `trunkline apply`. Credentials are never in it.

    \b
    Example:
      trunkline export acme > acme.yaml
      trunkline apply acme.yaml --dry-run
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    configs = run_with_redis(lambda redis: _load(redis, tenants))
    variables: dict[tuple[str, str], str] = {}
    reference: Reference = stored
    if references == "environment":
        variables = _variables(configs)
        reference = lambda tenant, key: f"${{{variables[tenant, key]}}}"  # noqa: E731 - one of two references
    tree = tree_of(configs, reference)
    if as_json:
        print_json(tree)
        return
    click.echo(_note(variables) + write_yaml(tree, frozenset(f"${{{name}}}" for name in variables.values())), nl=False)


async def _load(redis: Redis, tenants: Sequence[str]) -> list[TenantConfig]:
    store = ConfigStore(redis)
    configs = []
    for tenant in tenants or await store.tenants():
        config = await store.load(tenant)
        if config is not None:
            configs.append(config)
        elif tenants:
            raise TenantUnknown(tenant)
    return configs


def _variables(configs: Sequence[TenantConfig]) -> dict[tuple[str, str], str]:
    """Return a variable for every sender, each its own."""
    given: dict[tuple[str, str], str] = {}
    for config in configs:
        for key in config.senders:
            name = re.sub(r"[^A-Z0-9]", "_", f"{config.tenant}_{key}_secret".upper())
            name = name if name[0].isalpha() else f"T_{name}"
            # acme-eu of tenant x and acme.eu of the same would meet
            while name in given.values():
                name += "_"
            given[config.tenant, key] = name
    return given


def _note(variables: dict[tuple[str, str], str]) -> str:
    if not variables:
        return _STORED_NOTE
    return _ENVIRONMENT_NOTE + "".join(f"#   {name}\n" for name in variables.values())
