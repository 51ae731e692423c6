"""`trunkline policies`: a tenant's rules, and the counters they keep."""

from __future__ import annotations

import secrets
import sys
from typing import Any

import click
from redis.asyncio import Redis
from rich.table import Table
from rich.text import Text

from senders import policy_edits
from senders.counter_key import load_digester
from senders.differences import described_policy
from senders.editing import Edit, TenantUnknown
from senders.file_tree import policy_tree
from senders.limits_admin import reset_quota
from senders.model import Policy, TenantConfig
from senders.policy import DEFAULT_POLICY, all_policies
from senders.secrets import KeyRing
from senders.sender_edits import Change
from senders.store import ConfigStore
from senders.yaml_writing import write_yaml
from trunkline_client.errors import TrunklineError
from trunkline_client.private import Private
from worker.cli.administration import Administration, administer, carry_out, load_tenant, require_terminal_or
from worker.cli.file_parts import read_part
from worker.cli.support import acts, field_of_a_job, print_json, run_with_redis
from worker.cli.tables import console
from worker.settings import load_settings

_TENANT = click.option("--tenant", required=True, callback=field_of_a_job, help="Whose policy it is.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Show what would change, and save nothing.")


class PolicyUnknown(TrunklineError):
    """The tenant has no policy of this name."""


@click.group()
def policies() -> None:
    """Look after a tenant's policies: chains by country, country limits, quotas, cooldowns, fallback.

    \b
    Example:
      trunkline policies list --tenant acme
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it


@policies.command("list")
@_TENANT
@_JSON
def list_policies(tenant: str, as_json: bool) -> None:
    """List a tenant's policies; `default` exists from the start.

    \b
    Example:
      trunkline policies list --tenant acme
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    config = run_with_redis(lambda redis: load_tenant(ConfigStore(redis), tenant))
    shown = all_policies(config)
    if as_json:
        print_json([{"policy": one.name, **policy_tree(one)} for one in shown])
        return
    table = Table("policy", "conditions", "country limit", "quotas", "cooldown")
    for one in shown:
        told = dict(described_policy(one))
        cells = (told.get("country_limit", "none"), _amount(one.quotas), "yes" if one.cooldown else "none")
        table.add_row(*map(Text, (one.name, _amount(one.conditions), *cells)))
    console().print(table)


@policies.command("show")
@click.argument("name", default=DEFAULT_POLICY.name)
@_TENANT
@_JSON
def show_policy(name: str, tenant: str, as_json: bool) -> None:
    """Show one policy in the form of a file, which `trunkline policies set` takes back.

    \b
    Example:
      trunkline policies show default --tenant acme > default.yaml
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    config = run_with_redis(lambda redis: load_tenant(ConfigStore(redis), tenant))
    tree = policy_tree(_policy_of(config, name))
    if as_json:
        print_json(tree)
    else:
        click.echo(write_yaml(tree), nl=False)


@policies.command("set")
@click.argument("name")
@click.argument("file", type=click.File("rb"))
@_TENANT
@click.option("--yes", is_flag=True, help="Save without asking.")
@_DRY_RUN
@_JSON
@acts
def set_policy(name: str, file: Any, yes: bool, **given: Any) -> None:
    """Make policy NAME what FILE says (YAML; - for standard input); a new name makes a new policy.

    \b
    Example:
      trunkline policies set default default.yaml --tenant acme --yes
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    require_terminal_or(yes or given["dry_run"])
    _carry_out(policy_edits.put(name, read_part(file)), name, given, asks=not yes)


@policies.command("remove")
@click.argument("name")
@_TENANT
@click.option("--yes", is_flag=True, help="Remove it without asking.")
@_DRY_RUN
@_JSON
@acts
def remove_policy(name: str, yes: bool, **given: Any) -> None:
    """Remove a policy; jobs that name it are rejected from then on. The default policy cannot be removed.

    \b
    Example:
      trunkline policies remove marketing --tenant acme --yes
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    require_terminal_or(yes or given["dry_run"])
    _carry_out(policy_edits.remove(name), name, given, asks=not yes)


def _user(context: click.Context, parameter: click.Parameter, value: str) -> str | None:
    """Return the user, from the first line of standard input for `-`."""
    name = sys.stdin.readline().rstrip("\r\n") if value == "-" else value
    return field_of_a_job(context, parameter, name)


@policies.command("reset-quota")
@_TENANT
@click.option("--user", required=True, callback=_user, help="The user, as jobs name it; - for standard input.")
@_JSON
@acts
def reset(tenant: str, user: str, as_json: bool, actor: str) -> None:
    """Set a user's quotas of the day back to nothing, under every policy. Cooldown stays.

    Arguments show in the list of processes: give a user that is private through standard input.

    \b
    Example:
      trunkline policies reset-quota --tenant acme --user user-17
      trunkline policies reset-quota --tenant acme --user - < user.txt
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    ring = KeyRing(load_settings().secret_key_texts)

    async def clear(redis: Redis) -> bool:
        if not await ConfigStore(redis).version(tenant):
            raise TenantUnknown(tenant)
        digester = await load_digester(redis, ring, new_key=lambda: secrets.token_hex(32))
        return await reset_quota(
            redis, digester, tenant=tenant, user=Private(user), actor=actor, token=secrets.token_hex(8)
        )

    cleared = run_with_redis(clear)
    if as_json:
        print_json({"tenant": tenant, "cleared": cleared})
        return
    click.echo("The user's quotas are reset." if cleared else "Nothing was counted for this user.")


def _carry_out(change: Change, name: str, given: dict[str, Any], *, asks: bool) -> None:
    edit = Edit(tenant=given["tenant"], part=("policies", name), change=change)

    async def run(admin: Administration) -> None:
        await carry_out(admin, edit, asks=asks, dry_run=given["dry_run"], as_json=given["as_json"])

    administer(given["actor"], run)


def _policy_of(config: TenantConfig, name: str) -> Policy:
    found = next((one for one in all_policies(config) if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in all_policies(config))
        raise PolicyUnknown(f"there is no policy {name}; tenant {config.tenant} has: {known}")
    return found


def _amount(items: tuple[object, ...]) -> str:
    return str(len(items)) if items else "none"
