"""Brings the senders' secrets under the first key of the ring, while workers and administrators go on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from senders.audit import AuditAction, AuditEvent, FieldChange
from senders.document import DocumentUnreadable
from senders.model import Sender, TenantConfig
from senders.secrets import KeyRing, SecretUnreadable
from senders.store import ConfigConflict, ConfigStore, Replacement

#: how many unreadable things are named; with a key lost it may be all of them.
MOST_NAMED: Final = 100


@dataclass(slots=True)
class Tally:
    """What was found sealed, counted as it is met: there may be millions.

    Attributes:
        by_key: how many things each key opens, by its place in the ring, from 1; those resealed count as found before.
        resealed: how many were sealed anew.
        unreadable: how many no key opens.
        named: the first of those, by what they belong to.
    """

    by_key: Counter[int] = field(default_factory=Counter)
    resealed: int = 0
    unreadable: int = 0
    named: list[str] = field(default_factory=list)

    def meet(self, name: str, place: int | None) -> None:
        """Count one sealed thing and the key that opens it, None for none."""
        if place is not None:
            self.by_key[place] += 1
            return
        self.unreadable += 1
        if len(self.named) < MOST_NAMED:
            self.named.append(name)


def meet_secrets(config: TenantConfig, ring: KeyRing, tally: Tally) -> None:
    """Count the secrets of all senders of a tenant, deleted ones too."""
    for sender in config.senders.values():
        tally.meet(f"sender {config.tenant}/{sender.key}", ring.place(sender.sealed_secret))
    for sender in config.retired:
        tally.meet(f"deleted sender {config.tenant}/{sender.key}", ring.place(sender.sealed_secret))


def rotated(actor: str, tenant: str, what: str, count: int) -> AuditEvent:
    """Return the event of `count` things that were sealed with older keys before."""
    change = FieldChange(what, f"{count} under older keys", f"{count} under the first key")
    return AuditEvent(actor=actor, action=AuditAction.SECRETS_ROTATED, tenant=tenant, changes=(change,))


class SenderSecrets:
    """The secrets of all senders of a tenant, deleted ones too."""

    def __init__(self, store: ConfigStore, ring: KeyRing, *, new_token: Callable[[], str]) -> None:
        self._store = store
        self._ring = ring
        self._new_token = new_token

    async def count(self, tenant: str, tally: Tally) -> None:
        """Count a tenant's secrets and change nothing."""
        config = await self._load(tenant, tally)
        if config is not None:
            meet_secrets(config, self._ring, tally)

    async def reseal(self, tenant: str, tally: Tally, *, actor: str) -> None:
        """Seal a tenant's secrets with the first key of the ring, under a new version of its configuration.

        A change somebody else makes meanwhile stays: the newer configuration is then brought under it in its place.
        What no key opens is left as it is.
        """
        while True:
            config = await self._load(tenant, tally)
            if config is None:
                return
            wanted, count = self._resealed(config)
            if not count or await self._saved(config, wanted, rotated(actor, tenant, "secrets", count)):
                meet_secrets(config, self._ring, tally)
                tally.resealed += count
                return

    async def _load(self, tenant: str, tally: Tally) -> TenantConfig | None:
        try:
            return await self._store.load(tenant)
        except DocumentUnreadable:
            tally.meet(f"the configuration of tenant {tenant}", None)
            return None

    async def _saved(self, config: TenantConfig, wanted: TenantConfig, event: AuditEvent) -> bool:
        change = {config.tenant: Replacement.of(config, wanted)}
        try:
            await self._store.replace(change, token=self._new_token(), events=[event])
        except ConfigConflict:
            return False
        return True

    def _resealed(self, config: TenantConfig) -> tuple[TenantConfig, int]:
        senders = {key: self._anew(sender) for key, sender in config.senders.items()}
        retired = tuple(map(self._anew, config.retired))
        pairs = zip((*config.senders.values(), *config.retired), (*senders.values(), *retired), strict=True)
        return replace(config, senders=senders, retired=retired), sum(before is not after for before, after in pairs)

    def _anew(self, sender: Sender) -> Sender:
        """Return the sender with its secret under the first key; itself if it is already, or cannot be opened."""
        try:
            sealed = self._ring.reseal(sender.sealed_secret)
        except SecretUnreadable:
            return sender
        return sender if sealed is None else replace(sender, sealed_secret=sealed)
