"""Which fields of a sender are its credentials: they cannot change under an existing key."""

from __future__ import annotations

from dataclasses import fields

from providers.gateway_settings import SECRET_OF, GatewayAuthentication, origins_of
from providers.protocol import Kind
from senders.desired import DesiredSender
from senders.model import Sender


def secret_field(sender: Sender | DesiredSender) -> str:
    """Return where a file has the secret of a sender."""
    if sender.gateway is not None:
        return f"authentication.{SECRET_OF[sender.gateway.authentication.method]}"
    return "access_token" if sender.kind is Kind.SYNIVERSE else "auth_token"


def moved_to(sender: DesiredSender, stored: Sender) -> frozenset[str]:
    """Return the origins that a gateway's credential would newly be sent to: another port is another service."""
    if sender.gateway is None or stored.gateway is None:
        return frozenset()
    return origins_of(sender.gateway) - origins_of(stored.gateway)


def changed_identity(sender: DesiredSender, stored: Sender) -> str | None:
    """Return the first field, secrets apart, that makes a sender another account than the stored one; None if none."""
    if sender.kind is not stored.kind:
        return "kind"
    if sender.account_sid != stored.account_sid:
        return "account_sid"
    if sender.gateway is None or stored.gateway is None:
        return None
    wanted, present = sender.gateway.authentication, stored.gateway.authentication
    names = (field.name for field in fields(GatewayAuthentication))
    other = next((name for name in names if getattr(wanted, name) != getattr(present, name)), None)
    return f"authentication.{other}" if other else None
