"""`trunkline secrets`: bring everything sealed under the first key, and see what still needs an older one."""

from __future__ import annotations

import secrets as random_secrets

import click
from redis.asyncio import Redis
from rich.table import Table

from senders.resealing import Tally
from senders.secrets import SETTING, KeyRing, SecretUnreadable
from tasks.resealing import Resealing
from worker.cli.support import acts, print_json, run_with_redis
from worker.cli.tables import console
from worker.settings import load_settings


@click.group()
def secrets() -> None:
    """Look after the keys that seal credentials and texts.

    \b
    Example:
      trunkline secrets status
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it


@secrets.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
@acts
def rotate(*, as_json: bool, actor: str) -> None:
    """Seal everything with the first key of TRUNKLINE_SECRET_KEYS, while workers run.

    Afterwards nothing needs the older keys, and they can be taken out. What no key opens is named and left as it is.

    \b
    Example:
      trunkline secrets rotate
      trunkline secrets status
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    tally = _walk(actor)
    already = tally.by_key.total() - tally.resealed
    if as_json:
        print_json({"resealed": tally.resealed, "already_current": already, "unreadable": _unreadable(tally)})
    else:
        click.echo(f"Sealed anew with the first key: {tally.resealed}. Sealed with it before: {already}.")
    if tally.unreadable:
        raise SecretUnreadable(
            f"{tally.unreadable} cannot be opened with {SETTING} and were left as they are: {_names(tally)}; add the "
            "key they were sealed with to the end of that list, and run this again"
        )


@secrets.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
def status(*, as_json: bool) -> None:
    """Show how much each key of TRUNKLINE_SECRET_KEYS opens.

    A key that opens nothing can be taken out, once no worker seals with it.

    \b
    Example:
      trunkline secrets status --json
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    settings = load_settings()
    tally = _walk(None)
    by_key = {place: tally.by_key[place] for place in range(1, len(settings.secret_keys) + 1)}
    if as_json:
        shown = [{"key": place, "opens": count} for place, count in by_key.items()]
        print_json({"keys": shown, "unreadable": _unreadable(tally)})
        return
    table = Table("key", "opens")
    for place, count in by_key.items():
        table.add_row(f"{place} (seals)" if place == 1 else str(place), str(count))
    table.add_row("none", str(tally.unreadable))
    console().print(table)
    if tally.unreadable:
        click.echo(f"No key opens: {_names(tally)}")


def _walk(actor: str | None) -> Tally:
    ring = KeyRing(load_settings().secret_key_texts)

    async def body(redis: Redis) -> Tally:
        return await Resealing(redis, ring, new_token=lambda: random_secrets.token_urlsafe(16), actor=actor).walk()

    return run_with_redis(body)


def _unreadable(tally: Tally) -> dict[str, object]:
    return {"count": tally.unreadable, "named": tally.named}


def _names(tally: Tally) -> str:
    more = tally.unreadable - len(tally.named)
    return ", ".join(tally.named) + (f" and {more} more" if more else "")
