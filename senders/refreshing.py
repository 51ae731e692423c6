"""Reads an account again: numbers that are gone become unavailable, new ones appear unselected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from providers.protocol import FoundNumber, Kind, NumberType
from senders.audit import AuditAction, AuditEvent, FieldChange
from senders.model import Number, Sender, TenantConfig
from senders.sender_edits import SenderUnknown
from senders.store import ConfigConflict, ConfigStore, Replacement

_MOST_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A sender with the numbers of now, and what is new about them."""

    sender: Sender
    changes: tuple[FieldChange, ...]


def refresh(sender: Sender, found: Sequence[FoundNumber]) -> Refreshed:
    """Return the sender with what its account has now; the selection and the countries stay as they are.

    Args:
        sender: as it is stored.
        found: every number of the account; none of them belongs to a messaging service, of which Twilio picks.
    """
    now = {} if sender.kind is Kind.TWILIO_MESSAGING_SERVICE else {one.number: one for one in found}
    known = {one.number for one in sender.numbers}
    numbers = [_again(one, now.get(one.number)) for one in sender.numbers]
    numbers += [
        Number(one.number, one.type, one.capabilities, selected=False)
        for one in now.values()
        if one.number not in known
    ]
    before: Mapping[str, Number] = {one.number: one for one in sender.numbers}
    changes = [FieldChange(f"numbers[{one.number}]", _told(before.get(one.number)), _told(one)) for one in numbers]
    pairs = [(before[one.number], one) for one in numbers if one.number in before]
    changes += [FieldChange(f"numbers[{new.number}].type", old.type, new.type) for old, new in pairs]
    return Refreshed(replace(sender, numbers=tuple(numbers)), tuple(one for one in changes if one.before != one.after))


async def save_refreshed(
    store: ConfigStore, tenant: str, key: str, found: Sequence[FoundNumber], *, actor: str, token: str
) -> Refreshed:
    """Store what the account of a sender has now, and return it; an edit that comes between is kept.

    Args:
        store: where configurations are kept.
        tenant: whose sender it is.
        key: the sender.
        found: every number of the account.
        actor: who asked for it, for the audit.
        token: a new one for every call.

    Raises:
        SenderUnknown: it was removed meanwhile.
        ConfigConflict: the tenant's configuration changed again and again.
    """
    for attempt in range(_MOST_TRIES):
        config = await store.load(tenant)
        if config is None or key not in config.senders:
            raise SenderUnknown(f"there is no sender {key} of tenant {tenant} any more")
        refreshed = refresh(config.senders[key], found)
        if not refreshed.changes:
            return refreshed
        wanted = replace(config, senders={**config.senders, key: refreshed.sender})
        try:
            await _replace(store, config, wanted, refreshed, actor=actor, token=f"{token}.{attempt}")
        except ConfigConflict:
            continue
        return refreshed
    raise ConfigConflict(tenant)


async def _replace(
    store: ConfigStore, config: TenantConfig, wanted: TenantConfig, refreshed: Refreshed, *, actor: str, token: str
) -> None:
    event = AuditEvent(
        actor=actor,
        action=AuditAction.SENDER_REFRESHED,
        tenant=config.tenant,
        subject=refreshed.sender.key,
        changes=refreshed.changes,
    )
    await store.replace({config.tenant: Replacement.of(config, wanted)}, token=token, events=[event])


def _again(number: Number, found: FoundNumber | None) -> Number:
    if found is None:
        return replace(number, available=False)
    # an ordinary number serves every country: with countries it could not be saved again
    countries = None if found.type is NumberType.PHONE_NUMBER else number.countries
    return replace(number, type=found.type, capabilities=found.capabilities, available=True, countries=countries)


def _told(number: Number | None) -> str | None:
    if number is None:
        return None
    able = ", ".join(sorted(number.capabilities)) or "neither sms nor voice"
    return f"{able}, {'selected' if number.selected else 'not selected'}" + ("" if number.available else ", gone")
