"""What the commands of an administrator share: an editor over Redis and the providers, and one way to save."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any, TypeVar

import click
from redis.asyncio import Redis

from providers.gateway_hosts import HostRules
from providers.protocol import Account
from providers.registry import Providers
from senders.accounts import account_with, open_token
from senders.editing import Edit, Editor, TenantUnknown
from senders.model import Sender, TenantConfig
from senders.secrets import KeyRing
from senders.sender_edits import SenderUnknown
from senders.store import ConfigStore
from trunkline_client.errors import TrunklineError
from worker.cli.plans import plan_json, show_plan
from worker.cli.prompts import confirm
from worker.cli.support import print_json, run_with_redis
from worker.provider_access import providers_of
from worker.settings import Settings, load_settings

_Result = TypeVar("_Result")


class NothingSaved(click.ClickException):
    """The administrator ended a command before anything was saved."""

    def __init__(self) -> None:
        super().__init__("Nothing was saved.")

    def show(self, file: IO[Any] | None = None) -> None:
        """Print that nothing was saved, in a line of its own."""
        click.echo(self.message, file=file, err=file is None)


class MaybeSaved(TrunklineError):
    """The administrator ended a command while it saved."""


@asynccontextmanager
async def open_providers(settings: Settings) -> AsyncIterator[Providers]:
    """Give every provider as the settings describe it; its connections are closed in the end."""
    providers = providers_of(settings)
    try:
        yield providers
    finally:
        await providers.aclose()


@dataclass(frozen=True, slots=True)
class Administration:
    """What a command of an administrator works with, for one run."""

    store: ConfigStore
    ring: KeyRing
    providers: Providers
    editor: Editor
    actor: str
    hosts: HostRules

    async def config(self, tenant: str) -> TenantConfig:
        """Return a tenant's configuration; raises `TenantUnknown`."""
        return await load_tenant(self.store, tenant)

    def account(self, config: TenantConfig, sender: Sender) -> Account:
        """Return a stored sender's account with its credential opened; raises `SecretUnreadable`."""
        return account_with(sender, open_token(self.ring, config.tenant, sender))


def administer(actor: str, body: Callable[[Administration], Awaitable[_Result]]) -> _Result:
    """Run the asynchronous body of a command with everything it works with, and return its result.

    Raises:
        NothingSaved: the administrator ended it, or said no.
        SettingsInvalid: a setting is wrong or missing.
        RedisUnavailable: Redis did not answer.
    """
    settings = load_settings()

    async def run(redis: Redis) -> _Result:
        store, ring = ConfigStore(redis), KeyRing(settings.secret_key_texts)
        async with open_providers(settings) as providers:
            editor = Editor(
                store,
                ring,
                providers.for_kind,
                actor=actor,
                now=lambda: datetime.now(UTC),
                new_token=lambda: secrets.token_urlsafe(16),
                hosts=settings.gateway_access.hosts,
            )
            return await body(Administration(store, ring, providers, editor, actor, settings.gateway_access.hosts))

    with saying_that_nothing_was_saved():
        return run_with_redis(run)


@contextmanager
def saying_that_nothing_was_saved() -> Iterator[None]:
    """Raise `NothingSaved` where a person ends a command; around `saving`, which knows better."""
    try:
        yield
    except click.Abort as ended:
        raise NothingSaved from ended
    except KeyboardInterrupt as ended:  # while an account or Redis was waited for: the cursor stands behind its ^C
        click.echo(err=True)
        raise NothingSaved from ended


@contextmanager
def saving(tenant: str | None = None) -> Iterator[None]:
    """Tell a Ctrl-C that comes while something is saved from one before; raises `MaybeSaved`."""
    try:
        yield
    except asyncio.CancelledError as ended:
        audit = f"trunkline audit --tenant {tenant}" if tenant else "trunkline audit"
        raise MaybeSaved(f"interrupted while saving: whether it was saved is in `{audit}`") from ended


async def load_tenant(store: ConfigStore, tenant: str) -> TenantConfig:
    """Return a tenant's configuration; raises `TenantUnknown`."""
    config = await store.load(tenant)
    if config is None:
        raise TenantUnknown(tenant)
    return config


def sender_of(config: TenantConfig, key: str) -> Sender:
    """Return a sender of a tenant; raises `SenderUnknown`."""
    sender = config.senders.get(key)
    if sender is None:
        known = ", ".join(sorted(config.senders)) or "none"
        raise SenderUnknown(f"there is no sender {key}; tenant {config.tenant} has: {known}")
    return sender


def require_terminal_or(yes: bool) -> None:
    """Refuse a command that would have to ask, where nobody can answer; raises `click.UsageError`."""
    if not (yes or sys.stdin.isatty()):
        raise click.UsageError("there is no terminal to ask on: say --yes to save, or --dry-run to look")


async def carry_out(
    admin: Administration, edit: Edit, *, asks: bool = False, dry_run: bool = False, as_json: bool = False
) -> None:
    """Show what an edit changes and save it.

    Args:
        admin: the editor.
        edit: the change.
        asks: whether to ask before saving.
        dry_run: show only.
        as_json: print one JSON document in the end.

    Raises:
        click.Abort: the administrator said no; nothing was saved.
    """
    prepared = await admin.editor.prepare(edit)
    if asks or not as_json:
        show_plan(prepared.plan, to_stderr=as_json)
    if asks and not dry_run and not prepared.plan.is_empty and not confirm("Save this?"):
        raise click.Abort
    with saving(edit.tenant):
        versions = {} if dry_run else await admin.editor.save(prepared)
    if as_json:
        print_json({"changes": plan_json(prepared.plan), "saved": dict(versions)})
    elif versions:
        click.echo(f"Saved: {edit.tenant} (version {versions[edit.tenant]})")
    elif dry_run:
        click.echo("Nothing saved: this was a dry run.")
