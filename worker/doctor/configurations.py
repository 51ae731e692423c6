"""What is stored of the tenants: one walk over their configurations, and rules over what it met."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from senders.document import DocumentUnreadable
from senders.model import Sender, TenantConfig
from senders.resealing import Tally, meet_secrets
from senders.routing import is_draft, unusable
from senders.secrets import KeyRing, SecretUnreadable
from senders.store import ConfigStore
from worker.finding import Finding, Severity, gravest_first, named

_AT_ONCE: Final = 16


@dataclass(slots=True)
class Met:
    """What a walk over the configurations met.

    Attributes:
        tenants: how many there are.
        looked_at: how many of them the walk came to.
        unreadable: those whose configuration this version cannot read.
        without_chain: those without a default chain.
        unusable_chain: those of whose default chain no sender may be used.
        drafts: senders that no chain can name, as tenant/sender.
        disabled: senders that chains pass over by the word of an administrator, as tenant/sender.
        secrets: the sealed credentials by the key that opens them; empty without a key ring.
        misplaced: senders whose credential was sealed for another one.
    """

    tenants: int = 0
    looked_at: int = 0
    unreadable: list[str] = field(default_factory=list)
    without_chain: list[str] = field(default_factory=list)
    unusable_chain: list[str] = field(default_factory=list)
    drafts: list[str] = field(default_factory=list)
    disabled: list[str] = field(default_factory=list)
    secrets: Tally = field(default_factory=Tally)
    misplaced: list[str] = field(default_factory=list)


async def walk(store: ConfigStore, ring: KeyRing | None, *, most_s: float, monotonic: Callable[[], float]) -> Met:
    """Return what the configurations of all tenants say, or of as many as there is time for.

    Args:
        store: where they are.
        ring: opens their secrets; None leaves those out.
        most_s: how long to go on, in seconds.
        monotonic: a clock in seconds.
    """
    give_up_at = monotonic() + most_s
    names = await store.tenants()
    met = Met(tenants=len(names))
    for start in range(0, len(names), _AT_ONCE):
        if monotonic() >= give_up_at:
            break
        batch = names[start : start + _AT_ONCE]
        for tenant, config in zip(batch, await asyncio.gather(*(_load(store, one) for one in batch)), strict=True):
            _meet(met, tenant, config, ring)
    return met


async def _load(store: ConfigStore, tenant: str) -> TenantConfig | DocumentUnreadable | None:
    try:
        return await store.load(tenant)
    except DocumentUnreadable as error:
        return error


def _meet(met: Met, tenant: str, config: TenantConfig | DocumentUnreadable | None, ring: KeyRing | None) -> None:
    met.looked_at += 1
    if isinstance(config, DocumentUnreadable):
        met.unreadable.append(tenant)
    if not isinstance(config, TenantConfig):
        return
    if not config.default_chain:
        met.without_chain.append(tenant)
    elif all(unusable(config.senders.get(key)) for key in config.default_chain):
        met.unusable_chain.append(tenant)
    met.drafts += [f"{tenant}/{sender.key}" for sender in config.senders.values() if is_draft(sender)]
    met.disabled += [f"{tenant}/{sender.key}" for sender in config.senders.values() if not sender.enabled]
    if ring is not None:
        meet_secrets(config, ring, met.secrets)
        met.misplaced += [f"{tenant}/{one.key}" for one in config.senders.values() if _is_anothers(tenant, one, ring)]


def _is_anothers(tenant: str, sender: Sender, ring: KeyRing) -> bool:
    """Return whether a key opens the credential of a sender, and it was sealed for another one."""
    try:
        ring.open(tenant, sender.key, sender.sealed_secret)
    except SecretUnreadable:
        return ring.place(sender.sealed_secret) is not None
    return False


def findings_of(met: Met) -> list[Finding]:
    """Return everything worth telling about the tenants, the gravest first."""
    return gravest_first(
        [
            *([_no_tenant()] if not met.tenants else ()),
            *_some(met.unreadable, _unreadable),
            *_some(met.unusable_chain, _unusable_chain),
            *_some(met.without_chain, _without_chain),
            *_some(met.drafts, _drafts),
            *_some(met.disabled, _disabled),
            *unfinished(met),
        ]
    )


def unfinished(met: Met) -> Iterable[Finding]:
    """Return that the walk did not come to all tenants, if it did not."""
    if met.looked_at < met.tenants:
        yield Finding(
            "unfinished",
            Severity.UNKNOWN,
            f"there was time for {met.looked_at:,} of {met.tenants:,} tenants",
            "what is wrong with the others is not told here",
            "trunkline secrets status looks at every secret, trunkline tenants list at every configuration",
        )


def _some(names: Sequence[str], finding: Callable[[Sequence[str]], Finding]) -> Iterable[Finding]:
    if names:
        yield finding(names)


def _no_tenant() -> Finding:
    return Finding(
        "no_tenant",
        Severity.HINT,
        "no tenant is configured",
        "a job needs a tenant and a sender of it; until then each fails",
        "write a file (docs/configuration.md) and: trunkline apply FILE; or: trunkline senders add --tenant NAME",
    )


def _unreadable(names: Sequence[str]) -> Finding:
    return Finding(
        "unreadable_tenant",
        Severity.ERROR,
        f"the stored configuration cannot be read by this version: {named(names)}",
        "jobs of such a tenant are not sent",
        "run the version that wrote it, or apply the tenant's file again with this one",
    )


def _unusable_chain(names: Sequence[str]) -> Finding:
    return Finding(
        "unusable_chain",
        Severity.WARNING,
        f"every sender of the default chain is disabled, a draft or gone: {named(names)}",
        "jobs that no condition of a policy routes fail without a call",
        "trunkline senders list --tenant NAME shows why; trunkline senders enable takes one into use again",
    )


def _without_chain(names: Sequence[str]) -> Finding:
    return Finding(
        "no_chain",
        Severity.WARNING,
        f"tenants without a default chain: {named(names)}",
        "jobs that no condition of a policy routes fail with the fault no_chain",
        "set default_chain in the tenant's file and apply it",
    )


def _drafts(names: Sequence[str]) -> Finding:
    return Finding(
        "draft",
        Severity.HINT,
        f"senders that are drafts: {named(names)}",
        "nothing is sent over a draft, and no chain can name it",
        "trunkline senders consent or trunkline senders select completes it, trunkline senders remove takes it away",
    )


def _disabled(names: Sequence[str]) -> Finding:
    return Finding(
        "disabled",
        Severity.HINT,
        f"senders that were taken out of use: {named(names)}",
        "chains pass them over, so their tenants' jobs leave through the next account, and are charged there",
        "trunkline senders enable takes one into use again; trunkline audit says who disabled it, and when",
    )
