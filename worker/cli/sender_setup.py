"""`trunkline senders verify`, `add` and `replace`: everything that takes a new credential."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import click

from providers.protocol import Kind, VerificationFailed
from senders import sender_edits
from senders.credentials import secret_field
from senders.editing import Edit
from senders.file_tree import Tree
from trunkline_client.private import Token
from trunkline_client.words import Channel
from worker.cli.account_shown import show_verified, verified_json
from worker.cli.administration import Administration, administer, carry_out, require_terminal_or, sender_of
from worker.cli.prompts import given_token
from worker.cli.sender_wizard import Wizard, require_room, typed_token
from worker.cli.support import acts, field_of_a_job, print_json

_TENANT = click.option("--tenant", required=True, callback=field_of_a_job, help="Whose sender it is.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
_TOKEN_ENV = click.option("--token-env", metavar="NAME", help="The environment variable that holds the credential.")
_TOKEN_FILE = click.option("--token-file", metavar="FILE", help="The file that holds the credential; - for stdin.")
_KIND = click.option("--kind", type=click.Choice([kind.value for kind in Kind]), help="What kind of account it is.")
_SID = click.option("--account-sid", metavar="AC...", help="Twilio: the Account SID.")
_SERVICE = click.option("--messaging-service-sid", metavar="MG...", help="Twilio: the one messaging service to use.")


@click.command()
@click.argument("key", required=False)
@click.option("--tenant", callback=field_of_a_job, help="Whose sender KEY is.")
@_KIND
@_SID
@_SERVICE
@_TOKEN_ENV
@_TOKEN_FILE
@_JSON
def verify(key: str | None, tenant: str | None, token_env: str | None, token_file: str | None, **given: Any) -> None:
    """Ask an account whether it may send and which numbers it has. Nothing is saved.

    Either the stored sender KEY of a tenant, or an account by its credential.

    \b
    Example:
      trunkline senders verify acme-twilio --tenant acme
      trunkline senders verify --kind twilio --account-sid AC... --token-env ACME_TWILIO_TOKEN
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    if (key is None) != (tenant is None):
        raise click.UsageError("a stored sender needs both KEY and --tenant")
    token = given_token(token_env, token_file)

    async def run(admin: Administration) -> None:
        if key is not None and tenant is not None:
            config = await admin.config(tenant)
            account = admin.account(config, sender_of(config, key))
            verified = await admin.providers.for_kind(account.kind).verify(account)
        else:
            account, verified = await Wizard(given).account(admin, token)
        if given["as_json"]:
            print_json(verified_json(account, verified))
        else:
            show_verified(account, verified)

    administer("", run)


@click.command()
@click.argument("key", required=False)
@_TENANT
@_KIND
@click.option("--name", help="What people call it.")
@_SID
@_SERVICE
@_TOKEN_ENV
@_TOKEN_FILE
@click.option(
    "--channel",
    "channels",
    multiple=True,
    type=click.Choice([one.value for one in Channel]),
    help="A channel it serves.",
)
@click.option("--number", "numbers", multiple=True, metavar="NUMBER[=US,CA]", help="Select it, with its countries.")
@click.option("--all-numbers", is_flag=True, help="Select every number of the account.")
@click.option("--consent-by", metavar="WHO", help="Who accepts that a third-party service gets the messages.")
@click.option("--from", "source", type=click.File("rb"), help="YAML of the sender, as in a file.")
@click.option("--last-in-chain", is_flag=True, help="Also put it at the end of the tenant's default chain.")
@click.option("--yes", is_flag=True, help="Save without asking.")
@click.option("--dry-run", is_flag=True, help="Verify and show, but save nothing.")
@_JSON
@acts
def add(key: str | None, tenant: str, token_env: str | None, token_file: str | None, **given: Any) -> None:
    """Add a sender: verify its account, choose numbers and countries, consent, save.

    On a terminal it asks step by step for what no option says. Without consent it is saved as a draft.

    \b
    Example:
      trunkline senders add --tenant acme
      trunkline senders add acme-twilio --tenant acme --kind twilio --name "Acme Twilio" --account-sid AC... \\
        --token-env ACME_TWILIO_TOKEN --channel sms --number +14155550100 --number +18335550199=US,CA \\
        --consent-by ops@acme.example --yes
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    require_terminal_or(given["yes"] or given["dry_run"])
    wizard = Wizard(given)
    token = given_token(token_env, token_file)

    async def run(admin: Administration) -> None:
        config = await admin.store.load(tenant)
        if config is None:
            click.echo(f"{tenant} is a new tenant.", err=True)
        taken = config.senders if config else ()
        require_room(taken)
        chosen = wizard.key(key, taken=taken)
        try:
            sender = await wizard.sender(admin, token, partial(show_verified, to_stderr=given["as_json"]))
        except VerificationFailed as failed:
            raise type(failed)(f"{failed}; nothing was saved") from failed
        edit = Edit(
            tenant=tenant,
            part=("senders", chosen),
            change=_addition(chosen, sender, last_in_chain=wizard.wants_chain(sender)),
            asks_the_account=True,
            may_create=True,
        )
        await carry_out(admin, edit, asks=not given["yes"], dry_run=given["dry_run"], as_json=given["as_json"])

    administer(given["actor"], run)


@click.command()
@click.argument("key")
@click.argument("new_key")
@_TENANT
@_TOKEN_ENV
@_TOKEN_FILE
@click.option("--yes", is_flag=True, help="Replace it without asking.")
@click.option("--dry-run", is_flag=True, help="Verify and show, but save nothing.")
@_JSON
@acts
def replace(key: str, new_key: str, tenant: str, token_env: str | None, token_file: str | None, **given: Any) -> None:
    """Give a sender a new credential: NEW_KEY takes its place with it in every chain, and KEY is removed, in one step.

    \b
    Example:
      trunkline senders replace acme-twilio acme-twilio-2 --tenant acme --token-env ACME_NEW_TOKEN --yes
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    require_terminal_or(given["yes"] or given["dry_run"])
    known = given_token(token_env, token_file)

    async def run(admin: Administration) -> None:
        config = await admin.config(tenant)
        stored = sender_of(config, key)
        Wizard(given).key(new_key, taken=config.senders)
        token = known or await typed_token(admin, stored)
        change = sender_edits.replace(key, new_key, lambda old: with_token(old, secret_field(stored), token))
        edit = Edit(tenant=tenant, part=(), change=change, asks_the_account=True)
        await carry_out(admin, edit, asks=not given["yes"], dry_run=given["dry_run"], as_json=given["as_json"])

    administer(given["actor"], run)


def with_token(sender: Tree, field: str, token: Token) -> Tree:
    """Return a sender of a file with its credential in it; it is revealed only into the tree that is parsed at once.

    Args:
        sender: the sender.
        field: where the credential is, as `secret_field` says: `auth_token`, or `authentication.password`.
        token: the credential.
    """
    part, _, name = field.rpartition(".")
    if not part:
        return {**sender, name: token.reveal()}
    return {**sender, part: {**sender[part], name: token.reveal()}}


def _addition(key: str, sender: Mapping[str, Any], *, last_in_chain: bool) -> sender_edits.Change:
    add_it = sender_edits.add(key, dict(sender))

    def change(tree: Tree) -> None:
        add_it(tree)
        if last_in_chain:
            tree.setdefault("default_chain", []).append(key)

    return change


COMMANDS: Final = (verify, add, replace)
