"""One way for every command that changes a part of a tenant's configuration.

An edit works on the configuration in the form of a file, so it passes the same rules, shows the same differences and is
saved by the same all-or-nothing step as `trunkline apply`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from providers.gateway_hosts import PUBLIC_ONLY, HostRules
from providers.protocol import Kind, Provider
from senders.apply import Plan, plan, save, verify
from senders.compose import Numbers
from senders.config_file import parse_tree
from senders.desired import DesiredSender
from senders.file_tree import Tree, tenant_tree
from senders.model import TenantConfig
from senders.secrets import KeyRing
from senders.store import ConfigConflict, ConfigStore
from senders.verification import stored_numbers
from trunkline_client.errors import TrunklineError

#: how often an edit is planned anew because another part of the tenant changed meanwhile.
_MOST_PLANS: Final = 5


class TenantUnknown(TrunklineError):
    """There is no configuration for a tenant."""

    def __init__(self, tenant: str) -> None:
        super().__init__(f"there is no tenant {tenant}; `trunkline tenants list` shows all, `trunkline apply` adds one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A change of one part of a tenant's configuration.

    Attributes:
        part: the path of what is edited, for example `("senders", "acme-twilio")`. If it is another when the edit is
            saved than when it was planned, somebody else has won. `()` is the whole tenant, for an edit that reaches
            into every chain: it is saved as it was shown, or not at all.
        change: changes the tenant's part of a file in place; raises a `TrunklineError` for what cannot be done.
        asks_the_account: whether changed senders are verified with their account; else the numbers that were read
            last decide. New senders always are.
        may_create: whether the tenant may be new.
    """

    tenant: str
    part: tuple[str, ...]
    change: Callable[[Tree], None]
    asks_the_account: bool = False
    may_create: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """An edit with what it changes, checked and ready to be saved.

    Attributes:
        before: what the edited part was when this was prepared.
    """

    edit: Edit
    plan: Plan
    numbers: Numbers
    before: object


class Editor:
    """Prepares and saves edits for one administrator.

    Args:
        store: where configurations are kept.
        ring: seals and opens credentials.
        provider: talks to accounts.
        actor: who makes the changes, for the audit.
        now: returns the time.
        new_token: returns a fresh token for every save.
        hosts: where gateways may be reached without https.
    """

    def __init__(
        self,
        store: ConfigStore,
        ring: KeyRing,
        provider: Callable[[Kind], Provider],
        *,
        actor: str,
        now: Callable[[], datetime],
        new_token: Callable[[], str],
        hosts: HostRules = PUBLIC_ONLY,
    ) -> None:
        self._store = store
        self._ring = ring
        self._provider = provider
        self._actor = actor
        self._now = now
        self._new_token = new_token
        self._hosts = hosts

    async def prepare(self, edit: Edit) -> Prepared:
        """Return what an edit changes; nothing is saved.

        Raises:
            TenantUnknown: there is no such tenant, and the edit may not create it.
            ConfigRefused: the configuration would break a rule, or an account refused.
        """
        return await self._prepare(edit, await self._store.load(edit.tenant))

    async def _prepare(self, edit: Edit, current: TenantConfig | None) -> Prepared:
        if current is None and not edit.may_create:
            raise TenantUnknown(edit.tenant)
        before = _tree(current)
        tree = copy.deepcopy(before)
        edit.change(tree)
        desired = parse_tree({"tenants": {edit.tenant: tree}}, hosts=self._hosts)
        planned = plan(desired, {edit.tenant: current}, self._ring)
        numbers = await self._numbers(edit, planned, current)
        return Prepared(edit, planned, numbers, _part(before, edit.part))

    async def save(self, prepared: Prepared) -> Mapping[str, int]:
        """Save a prepared edit and return the tenant's new version, or nothing if it changes nothing.

        Where another part of the tenant changed meanwhile, the edit is planned anew on what is there now.

        Raises:
            ConfigConflict: somebody else changed the same part; nothing was saved.
        """
        for _ in range(_MOST_PLANS):
            if prepared.plan.is_empty:
                return {}
            try:
                return await save(
                    prepared.plan,
                    prepared.numbers,
                    self._store,
                    self._ring,
                    actor=self._actor,
                    now=self._now(),
                    token=self._new_token(),
                )
            except ConfigConflict:
                current = await self._store.load(prepared.edit.tenant)
                if _part(_tree(current), prepared.edit.part) != prepared.before:
                    raise
                prepared = await self._prepare(prepared.edit, current)
        raise ConfigConflict(prepared.edit.tenant)

    async def _numbers(self, edit: Edit, planned: Plan, current: TenantConfig | None) -> Numbers:
        candidates = [one for tenant in planned.tenants for one in tenant.to_verify]
        if edit.asks_the_account or not all(_is_known(one.sender, current) for one in candidates):
            return await verify(planned, self._provider)
        return stored_numbers(candidates, current)


def _is_known(sender: DesiredSender, current: TenantConfig | None) -> bool:
    """Return whether the numbers that were read last can decide; nothing is known about messaging services."""
    return current is not None and sender.key in current.senders and sender.kind is not Kind.TWILIO_MESSAGING_SERVICE


def _tree(config: TenantConfig | None) -> Tree:
    return tenant_tree(config) if config else {}


def _part(tree: object, path: tuple[str, ...]) -> object:
    for name in path:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree
