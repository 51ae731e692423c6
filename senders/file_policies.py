"""Chains and policies of a configuration file: the rules between them and the senders."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from providers.faults import Fault
from senders.file_models import PolicyEntry
from senders.findings import Findings, FromEnvironment, at
from senders.model import Condition, CountryLimit, Policy
from trunkline_client.words import Channel

#: after which faults the chain stops unless a policy says otherwise.
_STOPS: Final = Policy("default").no_fallback


def policy_of(name: str, entry: PolicyEntry) -> Policy:
    """Return the policy an entry describes."""
    changed = {Fault(fault): goes_on for fault, goes_on in entry.fallback.items()}
    stops = (_STOPS | {fault for fault, goes_on in changed.items() if not goes_on}) - {
        fault for fault, goes_on in changed.items() if goes_on
    }
    return Policy(
        name,
        conditions=tuple(
            Condition(one.chain, None if one.countries is None else frozenset(one.countries), one.channels)
            for one in entry.conditions
        ),
        country_limit=_limit_of(entry),
        no_fallback=stops,
        on_unknown=entry.on_unknown,
        quotas=tuple(quota.as_quota() for quota in entry.quotas),
        cooldown=entry.cooldown.as_cooldown() if entry.cooldown else None,
    )


def check_conditions(findings: Findings, policy: object, path: str, drafts: Mapping[str, str | None]) -> None:
    """Record what is wrong with a policy's conditions as a whole, and with their chains.

    Args:
        findings: where errors go.
        policy: the policy as the file has it; what its own shape breaks is found elsewhere.
        path: the policy's path.
        drafts: every sender key of the tenant, with what makes it a draft.
    """
    conditions = policy.get("conditions") if isinstance(policy, dict) else None
    if not isinstance(conditions, list):
        return
    rows = {at(at(path, "conditions"), index): row for index, row in enumerate(conditions) if isinstance(row, dict)}
    for own, row in rows.items():
        check_chain(findings, row.get("chain"), at(own, "chain"), drafts)
    for channel in Channel:
        _check_order(findings, {own: row for own, row in rows.items() if _covers(row, channel)}, channel)


def _covers(row: Mapping[str, object], channel: Channel) -> bool:
    channels = row.get("channels")
    return channel in channels if isinstance(channels, list) else True


def _check_order(findings: Findings, rows: Mapping[str, Mapping[str, object]], channel: Channel) -> None:
    """Record it unless the last condition of a channel, and no other, has no countries."""
    for place, (own, row) in enumerate(rows.items(), start=1):
        everywhere = row.get("countries") is None
        if everywhere and place < len(rows):
            findings.add(own, f"has no countries, so those below it never match for {channel}; only the last has none")
        if not everywhere and place == len(rows):
            findings.add(own, f"is the last for {channel} and must have no countries: it is for all not named above")


def check_chain(findings: Findings, chain: object, path: str, drafts: Mapping[str, str | None]) -> tuple[str, ...]:
    """Return a chain as sender keys; every key that is no sender, a draft, or there twice is recorded."""
    if not isinstance(chain, list):
        if chain is not None:
            findings.add(path, "must be a list")
        return ()
    before: set[str] = set()
    for index, key in enumerate(chain):
        own = at(path, index)
        problem = _problem_of(key, before, drafts)
        if problem is not None:
            findings.add(own, problem)
        if isinstance(key, str):
            before.add(key)
    return tuple(key for key in chain if isinstance(key, str))


def _problem_of(key: object, before: AbstractSet[str], drafts: Mapping[str, str | None]) -> str | None:
    if not isinstance(key, str):
        return "must be text"
    name = "of this name" if isinstance(key, FromEnvironment) else key
    if key not in drafts:
        return f"there is no sender {name}; this tenant has: {', '.join(sorted(drafts)) or 'none'}"
    if key in before:
        return f"the sender {name} is there twice"
    reason = drafts[key]
    return None if reason is None else f"the sender {name} is a draft, since it {reason}: no chain can name it"


def _limit_of(entry: PolicyEntry) -> CountryLimit | None:
    limit = entry.country_limit
    if limit is None:
        return None
    return CountryLimit(
        allow=None if limit.allow is None else frozenset(limit.allow),
        deny=None if limit.deny is None else frozenset(limit.deny),
        channels=limit.channels,
    )
