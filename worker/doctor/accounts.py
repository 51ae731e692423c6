"""Asks the senders' accounts whether they may still send. Nothing is saved, and no credential is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from providers.protocol import (
    AccountEmpty,
    AccountNotActive,
    HostNotAllowed,
    Kind,
    MessagingServiceMissing,
    Provider,
    ProviderUnreachable,
    VerificationFailed,
    VerifiedAccount,
    WrongCredentials,
)
from senders.accounts import account_with, open_token
from senders.document import DocumentUnreadable
from senders.model import Sender, TenantConfig
from senders.refreshing import refresh
from senders.routing import unusable
from senders.secrets import SETTING, KeyRing, SecretUnreadable
from senders.store import ConfigStore
from worker.finding import Finding, Severity, gravest_first, named

#: accounts called at once; more would only meet the providers' own limits.
_AT_ONCE: Final = 8
_BATCH: Final = 50


@dataclass(frozen=True, slots=True)
class _Trouble:
    """What a refusal of an account means."""

    name: str
    severity: Severity
    why: str
    fix: str


_TROUBLES: Final[Mapping[type[VerificationFailed], _Trouble]] = {
    WrongCredentials: _Trouble(
        "credentials",
        Severity.ERROR,
        "every job over this sender is refused (fault auth) and goes to the next of its chain, if there is one",
        "trunkline senders replace KEY NEW_KEY --tenant {tenant} gives it a new credential",
    ),
    AccountNotActive: _Trouble(
        "account",
        Severity.ERROR,
        "every job over this sender is refused (fault account) and goes to the next of its chain, if there is one",
        "have the provider open the account again, or: trunkline senders disable {key} --tenant {tenant}",
    ),
    AccountEmpty: _Trouble(
        "account_empty",
        Severity.ERROR,
        "there is nothing to send from",
        "get a number there, then: trunkline senders refresh {key} --tenant {tenant}",
    ),
    MessagingServiceMissing: _Trouble(
        "messaging_service",
        Severity.ERROR,
        "every job over this sender is refused (fault number)",
        "trunkline senders select {key} MG... --tenant {tenant} takes another service",
    ),
    HostNotAllowed: _Trouble(
        "gateway_host",
        Severity.ERROR,
        "no job over this sender leaves: its host must not be reached",
        "name a public host, or allow this one with TRUNKLINE_GATEWAY_PRIVATE_HOSTS",
    ),
    ProviderUnreachable: _Trouble(
        "no_answer",
        Severity.WARNING,
        "nothing is known about the account; jobs over this sender go to the next of its chain meanwhile",
        "try again; if it stays, check the way out of this machine and the provider's status page",
    ),
}


async def findings(
    store: ConfigStore,
    ring: KeyRing,
    provider: Callable[[Kind], Provider],
    tenant: str | None,
    tell: Callable[[str], None],
) -> list[Finding]:
    """Ask every sender that may be used, of one tenant or of all, and return what is wrong with each.

    Args:
        store: where the senders are.
        ring: opens their credentials.
        provider: whom to ask.
        tenant: whose senders; None for everybody's.
        tell: is told now and then how far it is.
    """
    names = (tenant,) if tenant is not None else await store.tenants()
    limit = asyncio.Semaphore(_AT_ONCE)

    async def ask(config: TenantConfig, sender: Sender) -> list[Finding]:
        async with limit:
            return await _ask(config.tenant, sender, ring, provider)

    found: list[Finding] = []
    for start in range(0, len(names), _BATCH):
        configs = [one for name in names[start : start + _BATCH] if (one := await _load(store, name)) is not None]
        if tenant is not None and not configs:
            return [_unknown(tenant)]
        asked = [ask(config, one) for config in configs for one in config.senders.values() if not unusable(one)]
        found += [finding for some in await asyncio.gather(*asked) for finding in some]
        tell(f"{min(start + _BATCH, len(names)):,} of {len(names):,} tenants asked")
    return gravest_first(found)


async def _load(store: ConfigStore, tenant: str) -> TenantConfig | None:
    try:
        return await store.load(tenant)
    except DocumentUnreadable:
        return None  # said by the check of the tenants


async def _ask(tenant: str, sender: Sender, ring: KeyRing, provider: Callable[[Kind], Provider]) -> list[Finding]:
    try:
        account = account_with(sender, open_token(ring, tenant, sender))
    except SecretUnreadable:
        return [_not_asked(tenant, sender)]
    try:
        return list(gone(tenant, sender, await provider(sender.kind).verify(account)))
    except VerificationFailed as refusal:
        return [refused(tenant, sender, refusal)]


def refused(tenant: str, sender: Sender, refusal: VerificationFailed) -> Finding:
    """Return what an account's refusal means for its sender."""
    trouble = _TROUBLES.get(type(refusal), _TROUBLES[ProviderUnreachable])
    fix = trouble.fix.format(tenant=tenant, key=sender.key)
    return Finding(trouble.name, trouble.severity, f"sender {tenant}/{sender.key}: {refusal}", trouble.why, fix)


def gone(tenant: str, sender: Sender, verified: VerifiedAccount) -> Iterable[Finding]:
    """Return that selected numbers are no longer in the account, if it is so."""
    if sender.kind is Kind.TWILIO_MESSAGING_SERVICE:
        return
    now = refresh(sender, verified.numbers).sender.numbers
    missing = [one.number for one in now if one.selected and not one.available]
    if missing:
        yield Finding(
            "number_gone",
            Severity.WARNING,
            f"sender {tenant}/{sender.key}: the account no longer has {named(missing)}",
            "a job that is sent from such a number is refused, and loses time with another",
            f"trunkline senders refresh {sender.key} --tenant {tenant}, then unselect what is gone",
        )


def _not_asked(tenant: str, sender: Sender) -> Finding:
    return Finding(
        "not_asked",
        Severity.UNKNOWN,
        f"sender {tenant}/{sender.key}: no key of {SETTING} opens its credential",
        "so its account could not be asked",
        "see the check of the keys",
    )


def _unknown(tenant: str) -> Finding:
    return Finding(
        "unknown_tenant",
        Severity.ERROR,
        f"there is no readable configuration of tenant {tenant}",
        "so no account of it was asked",
        "trunkline tenants list shows the tenants",
    )
