"""Brings the stored configurations of the tenants in a file to what the file says, all of them or none.

Three steps, so that a command can show the plan before anything is saved: `plan` compares, `verify` calls the
accounts of new and changed senders, `save` replaces all documents in one script.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from providers.protocol import Kind, Provider
from senders.accounts import open_token
from senders.audit import AuditEvent, events_of
from senders.compose import Composer, Numbers, path_of, token_of
from senders.credentials import changed_identity, moved_to, secret_field
from senders.desired import Credential, DesiredSender, DesiredTenant, desired_of
from senders.differences import Difference, differences
from senders.findings import STORED_REFERENCE, Findings, at
from senders.model import Sender, TenantConfig
from senders.secrets import KeyRing
from senders.store import ConfigStore, Replacement
from senders.verification import Candidate, verify_all
from trunkline_client.private import Token

_NOTHING_STORED: Final = f"{STORED_REFERENCE} stands for a stored credential, and this sender has none: give it here"
_MOVED: Final = f"then {STORED_REFERENCE} is not enough, give the credential itself"
_IMMUTABLE: Final = (
    "is a credential and cannot change under an existing key: add a sender with a new key, repoint the chains to it "
    "and drop this one, all in one file"
)


@dataclass(frozen=True, slots=True)
class TenantPlan:
    """What changes for one tenant.

    Attributes:
        current: its stored configuration, None if it has none.
        to_verify: the senders whose account must be asked before they are saved.
    """

    desired: DesiredTenant
    current: TenantConfig | None
    differences: tuple[Difference, ...]
    to_verify: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a file changes; `tenants` holds only those that something changes for."""

    tenants: tuple[TenantPlan, ...]

    @property
    def is_empty(self) -> bool:
        """Whether everything is already as the file says."""
        return not self.tenants


def plan(desired: Mapping[str, DesiredTenant], current: Mapping[str, TenantConfig | None], ring: KeyRing) -> Plan:
    """Return what a file changes.

    Args:
        desired: the file's tenants.
        current: the stored configuration of each of them.
        ring: opens the stored credentials, to tell whether the file has others.

    Raises:
        ConfigRefused: a credential changes under an existing key.
        SecretUnreadable: a stored credential cannot be opened.
    """
    findings = Findings()
    plans = [_plan_tenant(findings, wanted, current.get(name), ring) for name, wanted in desired.items()]
    findings.refuse_if_any()
    return Plan(tuple(one for one in plans if one.differences))


async def verify(planned: Plan, provider: Callable[[Kind], Provider]) -> Numbers:
    """Return the numbers of every new and changed sender, from their accounts; raises `ConfigRefused`."""
    return await verify_all([one for tenant in planned.tenants for one in tenant.to_verify], provider)


async def save(
    planned: Plan, numbers: Numbers, store: ConfigStore, ring: KeyRing, *, actor: str, now: datetime, token: str
) -> Mapping[str, int]:
    """Replace the configurations of all tenants of the plan, or of none, and return their new versions.

    Args:
        planned: the plan.
        numbers: what `verify` returned for it.
        store: where configurations are kept.
        ring: seals the credentials of new senders.
        actor: who makes the change, for the audit.
        now: the time recorded with a new consent.
        token: a new one for every call.

    Raises:
        ConfigConflict: somebody changed one of the tenants since it was planned.
    """
    composer = Composer(numbers, ring, now)
    changes: dict[str, Replacement] = {}
    events: list[AuditEvent] = []
    for tenant in planned.tenants:
        name, wanted = tenant.desired.tenant, composer.config(tenant.desired, tenant.current)
        changes[name] = Replacement.of(tenant.current, wanted)
        events += events_of(actor, name, tenant.differences, before=tenant.current, after=wanted)
    return await store.replace(changes, token=token, events=events)


def _plan_tenant(findings: Findings, desired: DesiredTenant, current: TenantConfig | None, ring: KeyRing) -> TenantPlan:
    former = desired_of(current) if current else None
    to_verify: list[Candidate] = []
    for key, sender in desired.senders.items():
        path = path_of(desired.tenant, key)
        stored = current.senders.get(key) if current else None
        if stored is not None:
            _refuse_other_credentials(findings, path, sender, stored, partial(open_token, ring, desired.tenant))
        elif sender.token is Credential.STORED:
            findings.add(at(path, secret_field(sender)), _NOTHING_STORED)
            continue
        if former is None or _needs_verification(sender, former.senders.get(key)):
            to_verify.append(
                Candidate(path, sender, _known_token(sender, stored, partial(open_token, ring, desired.tenant)))
            )
    return TenantPlan(desired, current, _differences(desired, former), tuple(to_verify))


def _differences(desired: DesiredTenant, former: DesiredTenant | None) -> tuple[Difference, ...]:
    found = differences(desired, former)
    if former is None and not found:
        # a tenant may be named before it has anything, and must then exist
        return (Difference("tenant", None, "nothing configured"),)
    return found


def _refuse_other_credentials(
    findings: Findings, path: str, sender: DesiredSender, stored: Sender, opened: Callable[[Sender], Token]
) -> None:
    changed = changed_identity(sender, stored)
    if changed is None and sender.token is not Credential.STORED and sender.token != opened(stored):
        changed = secret_field(sender)
    if changed is not None:
        findings.add(at(path, changed), _IMMUTABLE)
    elif sender.token is Credential.STORED and moved_to(sender, stored):
        places = ", ".join(sorted(moved_to(sender, stored)))
        # Else whoever may configure but not read credentials could have a stored one sent to a service of theirs.
        findings.add(at(path, "requests"), f"lead to another host ({places}): {_MOVED}")


def _known_token(sender: DesiredSender, stored: Sender | None, opened: Callable[[Sender], Token]) -> Token:
    """Return the credential itself, whether the file has it or the store."""
    return opened(stored) if stored is not None and sender.token is Credential.STORED else token_of(sender)


def _needs_verification(sender: DesiredSender, former: DesiredSender | None) -> bool:
    """Return whether the account must be asked: for a new sender, or where what it is used for changes."""
    return former is None or _used_for(sender) != _used_for(former)


def _used_for(sender: DesiredSender) -> tuple[object, ...]:
    return (sender.channels, sender.numbers, sender.originators, sender.messaging_service_sid, sender.gateway)
