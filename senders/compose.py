"""Turns what a file asks for, and what the accounts say, into the configuration to store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from senders.accounts import seal_token
from senders.desired import DesiredSender, DesiredTenant
from senders.model import Consent, Number, Sender, TenantConfig
from senders.secrets import KeyRing
from trunkline_client.private import Token

#: the imported numbers of each verified sender, by the sender's path in the file.
Numbers = Mapping[str, tuple[Number, ...]]


class Composer:
    """Composes the configurations of one `apply`: secrets sealed, consent dated, deleted senders retired."""

    def __init__(self, numbers: Numbers, ring: KeyRing, now: datetime) -> None:
        self._numbers = numbers
        self._ring = ring
        self._now = now

    def config(self, desired: DesiredTenant, current: TenantConfig | None) -> TenantConfig:
        """Return a tenant's new configuration, still with its former version (0 for none)."""
        stored = current.senders if current else {}
        senders = {key: self._sender(desired.tenant, one, stored.get(key)) for key, one in desired.senders.items()}
        return TenantConfig(
            desired.tenant,
            current.version if current else 0,
            senders=senders,
            policies=desired.policies,
            default_chain=desired.default_chain,
            retired=_retired(senders, current),
        )

    def _sender(self, tenant: str, desired: DesiredSender, stored: Sender | None) -> Sender:
        imported = self._numbers.get(path_of(tenant, desired.key))
        if imported is None:
            imported = stored.numbers if stored else ()
        if stored is None:
            sealed_secret = seal_token(self._ring, tenant, desired.key, token_of(desired))
        else:
            sealed_secret = stored.sealed_secret
        return Sender(
            key=desired.key,
            kind=desired.kind,
            name=desired.name,
            channels=desired.channels,
            sealed_secret=sealed_secret,
            account_sid=desired.account_sid,
            messaging_service_sid=desired.messaging_service_sid,
            numbers=imported,
            originators=desired.originators,
            consent=self._consent(desired.consent_by, stored.consent if stored else None),
            enabled=desired.enabled,
            gateway=desired.gateway,
            concurrent_requests=desired.concurrent_requests,
            calls_per_second=desired.calls_per_second,
        )

    def _consent(self, by: str | None, stored: Consent | None) -> Consent | None:
        """Return the consent to record: one already given by the same person keeps its time."""
        if by is None:
            return None
        if stored is not None and stored.by == by:
            return stored
        return Consent(by, self._now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"))


def path_of(tenant: str, key: str) -> str:
    """Return where a file has a sender."""
    return f"tenants.{tenant}.senders.{key}"


def token_of(sender: DesiredSender) -> Token:
    """Return the credential a file gives a sender."""
    if not isinstance(sender.token, Token):
        raise TypeError(f"no file gives the token of sender {sender.key}")
    return sender.token


def _retired(senders: Mapping[str, Sender], current: TenantConfig | None) -> tuple[Sender, ...]:
    """Return the deleted senders whose secrets may still be needed: those that no sender of now stands in for."""
    if current is None:
        return ()
    dropped = [sender for key, sender in current.senders.items() if key not in senders]
    by_account = {(one.key, one.account_name): one for one in (*current.retired, *dropped)}
    in_use = {(one.key, one.account_name) for one in senders.values()}
    return tuple(one for name, one in by_account.items() if name not in in_use)
