"""What an account said when it was verified, for people and for machines."""

from __future__ import annotations

import click

from providers.gateway_settings import AuthMethod, Gateway, origins_of
from providers.protocol import Account, FoundNumber, VerifiedAccount
from senders.shown import shown
from worker.cli.tables import print_table


def verified_json(account: Account, verified: VerifiedAccount) -> dict[str, object]:
    """Return what an account said, for machines."""
    told: dict[str, object] = {
        "status": "active",
        "name": verified.name,
        "numbers": [
            {"number": one.number, "type": one.type.value, "capabilities": sorted(one.capabilities)}
            for one in verified.numbers
        ],
        "services": [{"sid": one.sid, "name": one.name} for one in verified.services],
    }
    if account.gateway is None:
        return told
    tried = account.gateway.authentication.method is AuthMethod.OAUTH2
    return told | {"status": "reachable", "addresses": sorted(origins_of(account.gateway)), "credential_tried": tried}


def show_verified(account: Account, verified: VerifiedAccount, *, to_stderr: bool = False) -> None:
    """Print what an account said, for people."""
    if account.gateway is not None:
        click.echo(_of_gateway(account.gateway), err=to_stderr)
    else:
        name = f" ({shown(verified.name)})" if verified.name else ""
        count = f"{len(verified.numbers)} number{'' if len(verified.numbers) == 1 else 's'}"
        click.echo(f"{account.account_sid or account.kind}{name}: active, {count}", err=to_stderr)
    if verified.services:
        services = ((one.sid, shown(one.name)) for one in verified.services)
        print_table(("messaging service", "name"), services, to_stderr=to_stderr)
    if verified.numbers:
        print_table(("number", "type", "capabilities"), map(_row, verified.numbers), to_stderr=to_stderr)


def _of_gateway(gateway: Gateway) -> str:
    method = gateway.authentication.method
    tried = "gave a token" if method is AuthMethod.OAUTH2 else "its credential is first tried with a message"
    return f"gateway at {', '.join(sorted(origins_of(gateway)))}: may be reached; {method}: {tried}"


def _row(number: FoundNumber) -> tuple[str, ...]:
    return number.number, number.type, ", ".join(sorted(number.capabilities)) or "not told"
