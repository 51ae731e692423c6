"""`trunkline policies`: what an administrator does about a tenant's policies."""

from __future__ import annotations

import secrets

import click
from redis.asyncio import Redis

from senders.counter_key import load_digester
from senders.limits_admin import reset_quota
from senders.secrets import KeyRing
from senders.store import ConfigStore
from trunkline_client.private import Private
from worker.cli.support import TenantUnknown, field_of_a_job, run_with_redis
from worker.settings import load_settings


@click.group()
def policies() -> None:
    """Look after the policies of a tenant."""


@policies.command("reset-quota")
@click.option("--tenant", required=True, callback=field_of_a_job, help="Whose user it is.")
@click.option("--user", required=True, callback=field_of_a_job, help="The user, as jobs name it.")
def reset(tenant: str, user: str) -> None:
    """Set a user's quotas of the day back to nothing, under every policy. Cooldown stays.

    \b
    Example:
      trunkline policies reset-quota --tenant acme --user user-17
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    ring = KeyRing(load_settings().secret_key_texts)

    async def clear(redis: Redis) -> bool:
        if not await ConfigStore(redis).version(tenant):
            raise TenantUnknown(tenant)
        digester = await load_digester(redis, ring, new_key=lambda: secrets.token_hex(32))
        return await reset_quota(redis, digester, tenant=tenant, user=Private(user), token=secrets.token_hex(8))

    cleared = run_with_redis(clear)
    click.echo("The user's quotas are reset." if cleared else "Nothing was counted for this user.")
