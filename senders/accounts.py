"""Senders as accounts that can be talked to: the one place where sealed credentials meet a request."""

from __future__ import annotations

from typing import Final

from providers.protocol import Account, FoundNumber, Kind, NumberType
from senders.desired import DesiredSender, SelectedNumber
from senders.model import Number, Sender
from senders.secrets import KeyRing
from trunkline_client.private import Token

#: the name of the credential inside a sealed secret: Twilio's auth token, Syniverse's access token.
TOKEN: Final = "token"  # noqa: S105 - a field's name


def seal_token(ring: KeyRing, tenant: str, sender_key: str, token: Token) -> str:
    """Return a sender's token, sealed."""
    return ring.seal(tenant, sender_key, {TOKEN: token})


def open_token(ring: KeyRing, tenant: str, sender: Sender) -> Token:
    """Return the token of a sender; raises `SecretUnreadable`."""
    return ring.open(tenant, sender.key, sender.sealed_secret)[TOKEN]


def account_with(sender: Sender | DesiredSender, token: Token) -> Account:
    """Return the provider's view of a sender, stored or still to be saved."""
    return Account(
        kind=sender.kind,
        token=token,
        account_sid=sender.account_sid,
        messaging_service_sid=sender.messaging_service_sid,
        gateway=sender.gateway,
        numbers=tuple(map(_found, sender.numbers)) if sender.kind is Kind.GATEWAY else (),
    )


def _found(number: Number | SelectedNumber) -> FoundNumber:
    """Return a gateway's number, of which the configuration says everything."""
    return FoundNumber(number.number, number.type or NumberType.PHONE_NUMBER, number.capabilities or frozenset())
