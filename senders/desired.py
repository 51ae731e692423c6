"""What a tenant's part of a configuration file asks for, before any account was called.

It is also the form in which two configurations are compared: whatever only the account knows (types, capabilities,
numbers that were not selected) is left out of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from providers.gateway_settings import Gateway
from providers.protocol import Kind, NumberType
from senders.model import Number, Originator, Policy, Sender, TenantConfig
from trunkline_client.private import Token
from trunkline_client.words import Channel


class Credential(Enum):
    """A credential that a file does not hold itself."""

    #: the one that is stored for this sender already.
    STORED = auto()


@dataclass(frozen=True, slots=True, order=True)
class SelectedNumber:
    """A number the administrator chose, and the countries given to it.

    Attributes:
        type: what a gateway's number is; None where the account says it.
        capabilities: the channels a gateway's number can carry; None where the account says it.
        segments_per_second: what the number can take; None for the default.
    """

    number: str
    countries: tuple[str, ...] | None = None
    type: NumberType | None = None
    capabilities: frozenset[Channel] | None = None
    segments_per_second: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredSender:
    """A sender as the file describes it.

    Attributes:
        token: its credential, or where it is; None where the sender comes from a stored configuration. It takes no
            part in comparisons.
        numbers: the selection, in the order of the numbers.
        originators: the selection of a Syniverse sender, in the file's order.
        consent_by: who accepted the use of a third-party service; None makes it a draft.
        concurrent_requests: how many calls to its provider may run at once; None for the default.
        calls_per_second: how many voice calls it can take; None for the default.
    """

    key: str
    kind: Kind
    name: str
    channels: frozenset[Channel]
    token: Token | Credential | None = field(default=None, compare=False, repr=False)
    account_sid: str | None = None
    messaging_service_sid: str | None = None
    numbers: tuple[SelectedNumber, ...] = ()
    originators: tuple[Originator, ...] = ()
    consent_by: str | None = None
    enabled: bool = True
    gateway: Gateway | None = None
    concurrent_requests: int | None = None
    calls_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class DesiredTenant:
    """Everything a file says about one tenant."""

    tenant: str
    senders: Mapping[str, DesiredSender]
    policies: Mapping[str, Policy]
    default_chain: tuple[str, ...] = ()


def desired_of(config: TenantConfig) -> DesiredTenant:
    """Return a stored configuration in the form of a file, without its credentials."""
    return DesiredTenant(
        config.tenant,
        {key: _sender_of(sender) for key, sender in config.senders.items()},
        config.policies,
        config.default_chain,
    )


def _sender_of(sender: Sender) -> DesiredSender:
    # a Syniverse sender's selection is its originators, in an order of their own
    listed = () if sender.kind is Kind.SYNIVERSE else sender.numbers
    selected = (_selected(sender.kind, number) for number in listed if number.selected)
    return DesiredSender(
        key=sender.key,
        kind=sender.kind,
        name=sender.name,
        channels=sender.channels,
        account_sid=sender.account_sid,
        messaging_service_sid=sender.messaging_service_sid,
        numbers=tuple(sorted(selected, key=lambda one: one.number)),
        originators=sender.originators,
        consent_by=sender.consent.by if sender.consent else None,
        enabled=sender.enabled,
        gateway=sender.gateway,
        concurrent_requests=sender.concurrent_requests,
        calls_per_second=sender.calls_per_second,
    )


def _selected(kind: Kind, number: Number) -> SelectedNumber:
    rate = number.segments_per_second
    if kind is Kind.GATEWAY:
        return SelectedNumber(number.number, number.countries, number.type, number.capabilities, rate)
    return SelectedNumber(number.number, number.countries, segments_per_second=rate)
