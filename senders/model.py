"""Senders, numbers, policies and a tenant's whole configuration, as the dispatch flow sees them.

Frozen data without behaviour beyond look-ups. Secrets are not in it: a `Sender` carries its sealed secret only, which
`senders.secrets` opens. Everything a tenant configures is one document with one version (see `senders.store`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from providers.faults import Fault
from providers.gateway_settings import Gateway
from providers.protocol import Kind, NumberType
from trunkline_client.words import Channel, OnUnknown


@dataclass(frozen=True, slots=True)
class Number:
    """An originating number of a sender.

    Attributes:
        number: E.164, or the digits of a short code.
        capabilities: the channels the account says it can carry.
        selected: whether the administrator chose it.
        available: whether the account still had it when last read.
        countries: ISO 3166-1 alpha-2 codes a toll-free number or short code serves; None means United States only
            for those two, and any country for an ordinary number.
        segments_per_second: what the number can take; None for the default of its type, 0 for no limit.
    """

    number: str
    type: NumberType
    capabilities: frozenset[Channel]
    selected: bool = True
    available: bool = True
    countries: tuple[str, ...] | None = None
    segments_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Originator:
    """A Syniverse originator: `id` as configured, for example `channel:1KJPMkuHQkair` or `sender_id:...`.

    Attributes:
        countries: the recipients' countries it serves; None means all.
        channels: the channels it serves; None means all of the sender's.
    """

    id: str
    countries: tuple[str, ...] | None = None
    channels: frozenset[Channel] | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """Who accepted the use of a third-party service, and when (ISO 8601, UTC)."""

    by: str
    at: str


@dataclass(frozen=True, slots=True)
class Sender:
    """One account at one provider, as a tenant configured it.

    Attributes:
        key: the sender key, unique within the tenant.
        sealed_secret: the encrypted credentials.
        account_sid: the Twilio Account SID, else None.
        messaging_service_sid: the selected Twilio messaging service, else None.
        numbers: every number of the account, selected or not; for Syniverse every channel and sender id, of which
            `originators` has the selected ones in their order of preference.
        consent: None makes it a draft that no chain can name.
        gateway: how a gateway is spoken to, else None.
        concurrent_requests: how many calls to its provider may run at once; None for the default, 0 for no limit.
        calls_per_second: how many voice calls it can take; None for the default, 0 for no limit.
    """

    key: str
    kind: Kind
    name: str
    channels: frozenset[Channel]
    sealed_secret: str = field(repr=False)
    account_sid: str | None = None
    messaging_service_sid: str | None = None
    numbers: tuple[Number, ...] = ()
    originators: tuple[Originator, ...] = ()
    consent: Consent | None = None
    enabled: bool = True
    gateway: Gateway | None = None
    concurrent_requests: int | None = None
    calls_per_second: float | None = None

    @property
    def account_name(self) -> str:
        """What is charged: the Account SID, else the sender key."""
        return self.account_sid or self.key


@dataclass(frozen=True, slots=True)
class Condition:
    """One row of a policy: where it applies and the chain it leads to; None means everywhere."""

    chain: tuple[str, ...]
    countries: frozenset[str] | None = None
    channels: frozenset[Channel] | None = None


@dataclass(frozen=True, slots=True)
class CountryLimit:
    """Which countries a policy admits: exactly one of `allow` and `deny` is set; `channels` None means both."""

    allow: frozenset[str] | None = None
    deny: frozenset[str] | None = None
    channels: frozenset[Channel] | None = None


class QuotaScope(StrEnum):
    """Whom one counter of a quota counts."""

    USER = "user"
    TENANT = "tenant"


@dataclass(frozen=True, slots=True)
class Quota:
    """How many messages a day (UTC) a policy admits: either `total` is set, or both `used` and `unused`.

    Attributes:
        channels: the channels it counts, with one counter for all of them; None means both.
        total: the most messages a day.
        used: the most whose code was used.
        unused: the most whose code was not used, or not yet.
    """

    scope: QuotaScope
    channels: frozenset[Channel] | None = None
    total: int | None = None
    used: int | None = None
    unused: int | None = None


class CooldownKey(StrEnum):
    """Whose messages follow each other: those to one number, or those to one number on behalf of one user."""

    ADDRESS = "address"
    USER = "user"


@dataclass(frozen=True, slots=True)
class ChannelCooldown:
    """The waits between messages of one sequence over one channel.

    Attributes:
        periods_s: before the second message, before the third, and before every later one, in seconds.
        resend_limit: how many may follow the first; one more, and nothing is sent for 30 minutes after the last.
    """

    periods_s: tuple[int, int, int]
    resend_limit: int


@dataclass(frozen=True, slots=True)
class Cooldown:
    """A policy's cooldown; None for a channel means that it has none."""

    by: CooldownKey
    sms: ChannelCooldown | None
    voice: ChannelCooldown | None

    def over(self, channel: Channel) -> ChannelCooldown | None:
        """Return the cooldown of a channel, None if it has none."""
        return self.sms if channel is Channel.SMS else self.voice


@dataclass(frozen=True, slots=True)
class Policy:
    """A tenant's rules for one class of message.

    Attributes:
        quotas: at most one for each scope.
        no_fallback: the faults after which the chain stops; `unsubscribed` is in it by default.
        on_unknown: what to do when a lookup cannot settle an attempt; a job may say otherwise.
    """

    name: str
    conditions: tuple[Condition, ...] = ()
    country_limit: CountryLimit | None = None
    no_fallback: frozenset[Fault] = frozenset({Fault.UNSUBSCRIBED})
    on_unknown: OnUnknown = OnUnknown.RECONCILE
    quotas: tuple[Quota, ...] = ()
    cooldown: Cooldown | None = None


@dataclass(frozen=True, slots=True)
class TenantConfig:
    """Everything one tenant configured, at one version.

    Attributes:
        retired: deleted senders. They get no new attempt; their secrets are kept for asking about attempts whose
            outcome is unknown, and for nothing else. `tasks.retired` takes out those that nothing needs any more.
    """

    tenant: str
    version: int
    senders: Mapping[str, Sender]
    policies: Mapping[str, Policy]
    default_chain: tuple[str, ...] = ()
    retired: tuple[Sender, ...] = ()

    def sender_of_attempt(self, key: str, account_name: str) -> Sender | None:
        """Return the sender an earlier attempt was made with, deleted or not, None if its secret is gone.

        Args:
            key: the attempt's sender key.
            account_name: the account the attempt was charged to: a key may have been given to another account since.
        """
        current = self.senders.get(key)
        known = (*self.retired, *((current,) if current else ()))
        return next((one for one in reversed(known) if (one.key, one.account_name) == (key, account_name)), None)
