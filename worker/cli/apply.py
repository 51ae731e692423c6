"""`trunkline apply`: makes the stored configuration what a file says."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
from redis.asyncio import Redis

from providers.gateway_hosts import HostRules
from senders.apply import Plan, plan, save, verify
from senders.compose import Numbers
from senders.config_file import parse_file
from senders.desired import DesiredTenant
from senders.secrets import KeyRing
from senders.store import ConfigStore
from senders.yaml_text import FileUnreadable
from worker.cli.administration import open_providers, saving, saying_that_nothing_was_saved
from worker.cli.plans import plan_json, show_plan
from worker.cli.prompts import confirm
from worker.cli.support import acts, print_json, run_with_redis
from worker.settings import Settings, load_settings

#: 10,000 tenants with one sender of five numbers are 5 MiB, one of ten senders with 1,000 numbers each is 0.4 MiB;
#: without a bound /dev/zero fills the memory.
MOST_BYTES: Final = 16 << 20


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Compare and verify, but save nothing.")
@click.option("--yes", is_flag=True, help="Save without asking.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
@acts
def apply(file: Path, dry_run: bool, yes: bool, as_json: bool, actor: str) -> None:
    """Bring the tenants in FILE to what it says: shown first, then saved, all of them or none.

    Only tenants in FILE are touched; within them, what FILE leaves out is removed. The accounts of new and changed
    senders are called to verify them. ${NAME} in FILE stands for an environment variable.

    \b
    Example:
      trunkline apply tenants.yaml --dry-run
      trunkline apply tenants.yaml --yes
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    if not (dry_run or yes or sys.stdin.isatty()):
        raise click.UsageError("there is no terminal to ask on: say --yes to save, or --dry-run to look")
    settings = load_settings()
    desired = _parse(file, settings.gateway_access.hosts)
    command = _Apply(settings, desired, dry_run=dry_run, yes=yes, as_json=as_json, actor=actor)
    with saying_that_nothing_was_saved():
        if not run_with_redis(command.run):
            raise click.Abort


class _Apply:
    """One run of the command."""

    def __init__(
        self,
        settings: Settings,
        desired: Mapping[str, DesiredTenant],
        *,
        dry_run: bool,
        yes: bool,
        as_json: bool,
        actor: str,
    ) -> None:
        self._settings = settings
        self._ring = KeyRing(settings.secret_key_texts)
        self._desired = desired
        self._dry_run = dry_run
        self._yes = yes
        self._as_json = as_json
        self._actor = actor

    async def run(self, redis: Redis) -> bool:
        """Return whether the file is applied as far as it was asked for; False if the operator said no."""
        store = ConfigStore(redis)
        current = await store.load_all(self._desired)
        planned = plan(self._desired, current, self._ring)
        numbers = await self._verify(planned)
        asks = not (self._yes or self._dry_run or planned.is_empty)
        if asks or not self._as_json:
            show_plan(planned, to_stderr=self._as_json)
        versions: Mapping[str, int] = {}
        if not planned.is_empty and not self._dry_run:
            if asks and not confirm("Save this?"):
                return False
            with saving():
                versions = await save(
                    planned,
                    numbers,
                    store,
                    self._ring,
                    actor=self._actor,
                    now=datetime.now(UTC),
                    token=secrets.token_urlsafe(16),
                )
        self._report(planned, versions)
        return True

    async def _verify(self, planned: Plan) -> Numbers:
        async with open_providers(self._settings) as providers:
            return await verify(planned, providers.for_kind)

    def _report(self, planned: Plan, versions: Mapping[str, int]) -> None:
        if self._as_json:
            print_json({"changes": plan_json(planned), "saved": dict(versions)})
        elif versions:
            click.echo("Saved: " + ", ".join(f"{tenant} (version {number})" for tenant, number in versions.items()))
        elif not planned.is_empty:
            click.echo("Nothing saved: this was a dry run.")


def _parse(file: Path, hosts: HostRules) -> Mapping[str, DesiredTenant]:
    try:
        return parse_file(_text(file), os.environ, hosts=hosts)
    except FileUnreadable as error:
        raise FileUnreadable(f"{file}: {error}") from error


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise FileUnreadable(f"it is larger than {MOST_BYTES >> 20} MiB; apply the tenants in several files")
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileUnreadable("it is not text in UTF-8") from error
    except OSError as error:
        raise FileUnreadable(f"it cannot be read ({error.strerror})") from error
