"""`trunkline senders`: what a tenant sends with. The commands that look; those that change are beside this module."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from senders.gateway_words import described_gateway
from senders.model import Number, Sender, TenantConfig
from senders.routing import is_draft
from senders.selection import served_countries
from senders.store import ConfigStore
from worker.cli import sender_changes, sender_setup
from worker.cli.administration import load_tenant, sender_of
from worker.cli.support import field_of_a_job, print_json, run_with_redis
from worker.cli.tables import console, print_table

TENANT = click.option("--tenant", required=True, callback=field_of_a_job, help="Whose sender it is.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


@click.group()
def senders() -> None:
    """Look after the accounts a tenant sends with: verify, add, select numbers, replace a token, remove.

    \b
    Example:
      trunkline senders list --tenant acme
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it


for _command in (*sender_setup.COMMANDS, *sender_changes.COMMANDS):
    senders.add_command(_command)


@senders.command("list")
@TENANT
@JSON
def list_senders(tenant: str, as_json: bool) -> None:
    """List a tenant's senders.

    \b
    Example:
      trunkline senders list --tenant acme
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    config = run_with_redis(lambda redis: load_tenant(ConfigStore(redis), tenant))
    if as_json:
        print_json([_summary(one) for one in config.senders.values()])
        return
    if config.senders:
        columns = ("sender", "kind", "name", "account", "channels", "numbers selected", "state")
        print_table(columns, map(_row, config.senders.values()))
    else:
        click.echo(f"Tenant {tenant} has no sender. Add one with: trunkline senders add --tenant {tenant}")


@senders.command("show")
@click.argument("key")
@TENANT
@JSON
def show_sender(key: str, tenant: str, as_json: bool) -> None:
    """Show one sender: everything but its credential, which nothing shows.

    \b
    Example:
      trunkline senders show acme-twilio --tenant acme
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    config = run_with_redis(lambda redis: load_tenant(ConfigStore(redis), tenant))
    shown = _whole(config, sender_of(config, key))
    if as_json:
        print_json(shown)
        return
    table = Table.grid(padding=(0, 2))
    for name, value in {**shown, **dict(_gateway(config.senders[key]))}.items():
        if name not in {"numbers", "gateway"}:
            table.add_row(Text(name.replace("_", " ")), Text(_plain(value), overflow="fold"))
    console().print(table)
    _print_numbers([one for one in config.senders[key].numbers if one.selected])


@senders.command("numbers")
@click.argument("key")
@TENANT
@click.option("--all", "which", flag_value="all", default=True, help="Every number of the account (the default).")
@click.option("--selected", "which", flag_value="selected", help="Only the selected ones.")
@JSON
def list_numbers(key: str, tenant: str, which: str, as_json: bool) -> None:
    """List the numbers of a sender, as its account was read last (`trunkline senders refresh`).

    \b
    Example:
      trunkline senders numbers acme-twilio --tenant acme --selected
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    config = run_with_redis(lambda redis: load_tenant(ConfigStore(redis), tenant))
    shown = [one for one in sender_of(config, key).numbers if which == "all" or one.selected]
    if as_json:
        print_json([number_json(one) for one in shown])
    else:
        _print_numbers(shown)


def state_of(sender: Sender) -> str:
    """Return whether a sender may be used: `ready`, `disabled` or `draft`."""
    if is_draft(sender):
        return "draft"
    return "ready" if sender.enabled else "disabled"


def number_json(number: Number) -> dict[str, object]:
    """Return a number as the `--json` of the commands shows it; `countries` null means every country."""
    countries = served_countries(number)
    return {
        "number": number.number,
        "type": number.type.value,
        "capabilities": sorted(number.capabilities),
        "countries": None if countries is None else list(countries),
        "selected": number.selected,
        "available": number.available,
    }


def _print_numbers(numbers: Iterable[Number]) -> None:
    rows = [_number_row(one) for one in numbers]
    if rows:
        print_table(("number", "type", "capabilities", "countries", "selected", "available"), rows)
    else:
        click.echo("No numbers.")


def _number_row(number: Number) -> tuple[str, ...]:
    shown = number_json(number)
    shown["countries"] = "all" if shown["countries"] is None else shown["countries"]
    return tuple(map(_plain, shown.values()))


def _summary(sender: Sender) -> dict[str, object]:
    return {
        "sender": sender.key,
        "kind": sender.kind.value,
        "name": sender.name,
        "account": sender.account_name,
        "channels": sorted(sender.channels),
        "numbers": len(sender.numbers),
        "selected": sum(one.selected for one in sender.numbers),
        "state": state_of(sender),
    }


def _row(sender: Sender) -> tuple[str, ...]:
    shown = _summary(sender)
    chosen = sender.messaging_service_sid or f"{shown['selected']} of {shown['numbers']}"
    names = ("sender", "kind", "name", "account", "channels")
    return (*(_plain(shown[name]) for name in names), chosen, str(shown["state"]))


def _whole(config: TenantConfig, sender: Sender) -> dict[str, Any]:
    return {
        **_summary(sender),
        "enabled": sender.enabled,
        "consent": {"by": sender.consent.by, "at": sender.consent.at} if sender.consent else None,
        "messaging_service_sid": sender.messaging_service_sid,
        "originators": [one.id for one in sender.originators],
        "gateway": dict(_gateway(sender)) or None,
        "named_by": list(_named_by(config, sender.key)),
        "numbers": [number_json(one) for one in sender.numbers],
    }


def _gateway(sender: Sender) -> Iterable[tuple[str, str]]:
    """Return what there is to say about a gateway, its secret and those of its headers left out."""
    return described_gateway(sender.gateway) if sender.gateway is not None else ()


def _named_by(config: TenantConfig, key: str) -> Iterable[str]:
    if key in config.default_chain:
        yield "default_chain"
    for name, policy in config.policies.items():
        for index, condition in enumerate(policy.conditions):
            if key in condition.chain:
                yield f"policies.{name}.conditions[{index}]"


def _plain(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(str, value)) or "-"
        case dict():
            return ", ".join(f"{name} {item}" for name, item in value.items())
        case _:
            return str(value)
