"""What an administrator or operator leaves behind: one event for each object that was changed, without any secret."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Final, Protocol

from senders.differences import Difference, Section

#: the actor of what Trunkline does by itself.
OURSELVES: Final = "trunkline"
#: the action of an entry that this version cannot read.
UNREADABLE: Final = "unreadable"


class AuditAction(StrEnum):
    """What was done."""

    TENANT_CREATED = "tenant.created"
    SENDER_CREATED = "sender.created"
    SENDER_UPDATED = "sender.updated"
    SENDER_DELETED = "sender.deleted"
    SENDER_REFRESHED = "sender.refreshed"
    SENDER_SECRET_DESTROYED = "sender.secret_destroyed"  # noqa: S105 - an action's name
    POLICY_CREATED = "policy.created"
    POLICY_UPDATED = "policy.updated"
    POLICY_DELETED = "policy.deleted"
    DEFAULT_CHAIN_CHANGED = "default_chain.changed"
    QUOTA_RESET = "quota.reset"
    SECRETS_ROTATED = "secrets.rotated"
    JOB_SETTLED = "job.settled"
    JOB_REPLAYED = "job.replayed"
    JOB_REVEALED = "job.revealed"
    JOB_REVOKED = "job.revoked"
    REPLAY_BEGUN = "replay.begun"
    REPLAY_RESUMED = "replay.resumed"
    REPLAY_ENDED = "replay.ended"


#: by whether the object was there before, and is there after.
_SENDERS: Final = {
    (False, True): AuditAction.SENDER_CREATED,
    (True, True): AuditAction.SENDER_UPDATED,
    (True, False): AuditAction.SENDER_DELETED,
}
_POLICIES: Final = {
    (False, True): AuditAction.POLICY_CREATED,
    (True, True): AuditAction.POLICY_UPDATED,
    (True, False): AuditAction.POLICY_DELETED,
}


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of the object: its name and its text before and after; None means it is not there."""

    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """Something that was done to one object.

    Attributes:
        actor: who did it.
        action: an `AuditAction`; one that is read may be of a newer version, so it is text.
        tenant: whose object it is; "" for the whole installation.
        subject: the key of the sender or policy, or the id of the job; "" where the tenant itself is the object.
        changes: the fields that changed, in the order of the configuration; no credentials and nothing of recipients.
    """

    actor: str
    action: str
    tenant: str = ""
    subject: str = ""
    changes: tuple[FieldChange, ...] = ()

    def encode(self) -> str:
        """Return the event as the stream keeps it."""
        kept = {
            "actor": self.actor,
            "action": self.action,
            "tenant": self.tenant,
            "subject": self.subject,
            "changes": [[one.field, one.before, one.after] for one in self.changes],
        }
        return _dumped(kept)

    @classmethod
    def decode(cls, text: str) -> AuditEvent:
        """Return the event that `encode` gave; for what is none, one of the action `UNREADABLE`."""
        try:
            kept = json.loads(text)
            texts = {name: str(kept[name]) for name in ("actor", "action", "tenant", "subject")}
            changes = tuple(FieldChange(*one) for one in kept["changes"])
        except (ValueError, TypeError, KeyError):
            return cls(actor="", action=UNREADABLE)
        return cls(**texts, changes=changes)


class Described(Protocol):
    """Whatever has senders and policies by key: a stored configuration, or one to be stored."""

    @property
    def senders(self) -> Container[str]:
        """The keys of the senders."""

    @property
    def policies(self) -> Container[str]:
        """The keys of the policies."""


def events_of(
    actor: str,
    tenant: str,
    differences: Iterable[Difference],
    *,
    before: Described | None,
    after: Described,
) -> tuple[AuditEvent, ...]:
    """Return the events of one change of a tenant's configuration: one for each object in it.

    Args:
        actor: who makes the change.
        tenant: whose configuration changes.
        differences: every field that changes.
        before: the configuration until now, None if there is none.
        after: the configuration from now on.
    """
    events = tuple(_by_object(actor, tenant, differences, before, after))
    if before is not None:
        return events
    return (AuditEvent(actor=actor, action=AuditAction.TENANT_CREATED, tenant=tenant), *events)


def _by_object(
    actor: str, tenant: str, differences: Iterable[Difference], before: Described | None, after: Described
) -> Iterator[AuditEvent]:
    # removed fields come first in a plan, so those of one object need not stand together
    ordered = sorted(differences, key=lambda one: (list(Section).index(one.subject.section), one.subject.key))
    for subject, fields in groupby(ordered, key=lambda one: one.subject):
        match subject.section:
            case Section.TENANT:
                continue
            case Section.SENDER:
                was = before is not None and subject.key in before.senders
                action = _SENDERS[was, subject.key in after.senders]
            case Section.POLICY:
                was = before is not None and subject.key in before.policies
                action = _POLICIES[was, subject.key in after.policies]
            case Section.DEFAULT_CHAIN:
                action = AuditAction.DEFAULT_CHAIN_CHANGED
        changes = (FieldChange(one.field.removeprefix(subject.prefix), one.before, one.after) for one in fields)
        yield AuditEvent(actor=actor, action=action, tenant=tenant, subject=subject.key, changes=tuple(changes))


def fragment(name: str, text: str) -> str:
    """Return what every encoded event holds whose field `name` is `text`; others may hold it too."""
    return _dumped({name: text})[1:-1]


def _dumped(kept: object) -> str:
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
