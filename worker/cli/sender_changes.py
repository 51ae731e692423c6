"""`trunkline senders`: select numbers, set countries, enable, refresh and remove."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Final

import click

from providers.protocol import VerificationFailed
from senders import sender_edits
from senders.editing import Edit
from senders.refreshing import save_refreshed
from worker.cli.administration import (
    Administration,
    administer,
    carry_out,
    require_terminal_or,
    saving,
    sender_of,
)
from worker.cli.support import acts, field_of_a_job, print_json

_TENANT = click.option("--tenant", required=True, callback=field_of_a_job, help="Whose sender it is.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Show what would change, and save nothing.")


def _edits(function: Callable[..., None]) -> click.Command:
    """Make a command that edits the sender KEY of a tenant."""
    for option in (acts, _JSON, _DRY_RUN, _TENANT, click.argument("key")):
        function = option(function)
    return click.command()(function)


def _carry_out(change: sender_edits.Change, given: dict[str, Any], *, asks: bool = False) -> None:
    edit = Edit(tenant=given["tenant"], part=("senders", given["key"]), change=change)

    async def run(admin: Administration) -> None:
        await carry_out(admin, edit, asks=asks, dry_run=given["dry_run"], as_json=given["as_json"])

    administer(given["actor"], run)


def _one_of(numbers: tuple[str, ...], every: bool) -> None:
    if bool(numbers) == every:
        raise click.UsageError("name the numbers, or say --all")


@_edits
@click.argument("numbers", nargs=-1, metavar="[NUMBER]...")
@click.option("--all", "every", is_flag=True, help="Every number that is available.")
def select(numbers: tuple[str, ...], every: bool, **given: Any) -> None:
    """Select numbers of a sender, besides those that are selected; for a messaging service, its one SID.

    \b
    Example:
      trunkline senders select acme-twilio +14155550100 88022 --tenant acme
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    _one_of(numbers, every)
    key = given["key"]

    async def run(admin: Administration) -> None:
        chosen = numbers
        if every:
            sender = sender_of(await admin.config(given["tenant"]), key)
            chosen = tuple(one.number for one in sender.numbers if one.available)
        edit = Edit(tenant=given["tenant"], part=("senders", key), change=sender_edits.select(key, chosen))
        await carry_out(admin, edit, dry_run=given["dry_run"], as_json=given["as_json"])

    administer(given["actor"], run)


@_edits
@click.argument("numbers", nargs=-1, metavar="[NUMBER]...")
@click.option("--all", "every", is_flag=True, help="All of them; the sender becomes a draft.")
def unselect(numbers: tuple[str, ...], every: bool, **given: Any) -> None:
    """End the selection of numbers.

    \b
    Example:
      trunkline senders unselect acme-twilio 88022 --tenant acme
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    _one_of(numbers, every)
    _carry_out(sender_edits.unselect(given["key"], None if every else numbers), given)


@_edits
@click.argument("number")
@click.argument("codes", nargs=-1, metavar="[COUNTRY]...")
@click.option("--default", "is_default", is_flag=True, help="No countries of its own: United States only.")
def countries(number: str, codes: tuple[str, ...], is_default: bool, **given: Any) -> None:
    """Set the countries that a toll-free number (several) or a short code (exactly one) serves.

    \b
    Example:
      trunkline senders countries acme-twilio +18335550199 US CA --tenant acme
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    if bool(codes) == is_default:
        raise click.UsageError("name the countries, or say --default")
    _carry_out(sender_edits.set_countries(given["key"], number, codes or None), given)


@_edits
def enable(**given: Any) -> None:
    """Take a disabled sender into use again.

    \b
    Example:
      trunkline senders enable acme-twilio --tenant acme
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    _carry_out(sender_edits.set_field(given["key"], "enabled", True), given)


@_edits
def disable(**given: Any) -> None:
    """Take a sender out of use and keep it: chains pass it over from the next job on.

    \b
    Example:
      trunkline senders disable acme-twilio --tenant acme
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    _carry_out(sender_edits.set_field(given["key"], "enabled", False), given)


@_edits
@click.option("--by", required=True, help="Who accepts that a third-party service gets the messages.")
def consent(by: str, **given: Any) -> None:
    """Record the consent to the third-party service, without which a sender stays a draft.

    \b
    Example:
      trunkline senders consent acme-twilio --by ops@acme.example --tenant acme
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    _carry_out(sender_edits.set_field(given["key"], "consent", {"by": by}), given)


@_edits
@click.option("--repoint", metavar="KEY", help="The sender that takes its place in every chain.")
@click.option("--unchain", is_flag=True, help="Take it out of every chain; a condition needs another sender.")
@click.option("--yes", is_flag=True, help="Remove it without asking.")
def remove(repoint: str | None, unchain: bool, yes: bool, **given: Any) -> None:
    """Remove a sender; refused while a chain names it, unless that is mended in the same step.

    Its credential is kept only until no attempt over it is unknown any more.

    \b
    Example:
      trunkline senders remove acme-old --tenant acme --repoint acme-twilio --yes
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    if repoint is not None and unchain:
        raise click.UsageError("say --repoint or --unchain, not both")
    require_terminal_or(yes or given["dry_run"])
    change = sender_edits.remove(given["key"], repoint=repoint, unchain=unchain)
    edit = Edit(tenant=given["tenant"], part=(), change=change)

    async def run(admin: Administration) -> None:
        await carry_out(admin, edit, asks=not yes, dry_run=given["dry_run"], as_json=given["as_json"])

    administer(given["actor"], run)


@click.command()
@click.argument("key")
@_TENANT
@_JSON
@acts
def refresh(key: str, tenant: str, as_json: bool, actor: str) -> None:
    """Read the account again: numbers that are gone become unavailable, new ones appear unselected.

    \b
    Example:
      trunkline senders refresh acme-twilio --tenant acme
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it

    async def run(admin: Administration) -> None:
        config = await admin.config(tenant)
        sender = sender_of(config, key)
        account = admin.account(config, sender)
        try:
            found = await admin.providers.for_kind(sender.kind).verify(account)
        except VerificationFailed as failed:
            raise type(failed)(f"sender {key} was not refreshed: {failed}") from failed
        with saving(tenant):
            refreshed = await save_refreshed(
                admin.store, tenant, key, found.numbers, actor=actor, token=secrets.token_urlsafe(16)
            )
        if as_json:
            changes = [{"field": one.field, "before": one.before, "after": one.after} for one in refreshed.changes]
            print_json({"sender": key, "changes": changes})
            return
        for one in refreshed.changes:
            click.echo(f"{one.field}: {one.before or 'new'} -> {one.after}")
        click.echo(f"{len(found.numbers)} numbers in the account, {len(refreshed.changes)} changed.")

    administer(actor, run)


COMMANDS: Final = (select, unselect, countries, enable, disable, consent, remove, refresh)
