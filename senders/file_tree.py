"""A stored configuration in the form of a file: what `trunkline export` writes, and what every edit starts from.

No credential is in it; `${stored}` stands in its place, or another reference of the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from providers.protocol import Kind
from senders.credentials import secret_field
from senders.desired import DesiredSender, SelectedNumber, desired_of
from senders.file_gateway_tree import gateway_tree
from senders.findings import STORED_REFERENCE
from senders.model import ChannelCooldown, Condition, CountryLimit, Originator, Policy, Quota, TenantConfig
from trunkline_client.words import Channel, OnUnknown

#: mappings, lists, text and booleans, as a YAML file holds them.
Tree = dict[str, Any]
#: gives what stands in a file for the credential of a sender of a tenant.
Reference = Callable[[str, str], str]

_DEFAULTS: Final = Policy("default")


def stored(_tenant: str, _key: str) -> str:
    """Return the reference to the credential that is stored already."""
    return STORED_REFERENCE


def tree_of(configs: Iterable[TenantConfig], reference: Reference = stored) -> Tree:
    """Return the content of a file that asks for exactly these configurations.

    Args:
        configs: one for each tenant.
        reference: what stands for a credential.
    """
    return {"tenants": {config.tenant: tenant_tree(config, reference) for config in configs}}


def tenant_tree(config: TenantConfig, reference: Reference = stored) -> Tree:
    """Return what a file says about one tenant; see `tree_of`."""
    desired = desired_of(config)
    tree: Tree = {}
    if desired.default_chain:
        tree["default_chain"] = list(desired.default_chain)
    if desired.senders:
        tree["senders"] = {
            key: sender_tree(sender, reference(config.tenant, key)) for key, sender in desired.senders.items()
        }
    if desired.policies:
        tree["policies"] = {name: policy_tree(policy) for name, policy in desired.policies.items()}
    return tree


def sender_tree(sender: DesiredSender, reference: str) -> Tree:
    """Return what a file says about one sender."""
    tree: Tree = {"kind": sender.kind.value, "name": sender.name}
    if sender.account_sid is not None:
        tree["account_sid"] = sender.account_sid
    if sender.gateway is None:
        tree[secret_field(sender)] = reference
    else:
        tree |= gateway_tree(sender.gateway, reference)
    if sender.consent_by is not None:
        tree["consent"] = {"by": sender.consent_by}
    if not sender.enabled:
        tree["enabled"] = False
    tree["channels"] = _channels(sender.channels)
    if sender.concurrent_requests is not None:
        tree["concurrent_requests"] = str(sender.concurrent_requests)
    if sender.calls_per_second is not None:
        tree["calls_per_second"] = _rate(sender.calls_per_second)
    return tree | _selection(sender)


def policy_tree(policy: Policy) -> Tree:
    """Return what a file says about one policy: what differs from the default."""
    tree: Tree = {}
    if policy.country_limit is not None:
        tree["country_limit"] = _limit(policy.country_limit)
    changed = policy.no_fallback ^ _DEFAULTS.no_fallback
    if changed:
        tree["fallback"] = {fault.value: fault not in policy.no_fallback for fault in sorted(changed)}
    if policy.quotas:
        tree["quotas"] = [_quota(one) for one in policy.quotas]
    if policy.cooldown is not None:
        tree["cooldown"] = {
            "by": policy.cooldown.by.value,
            "sms": _cooldown(policy.cooldown.sms),
            "voice": _cooldown(policy.cooldown.voice),
        }
    if policy.on_unknown is not OnUnknown.RECONCILE:
        tree["on_unknown"] = policy.on_unknown.value
    if policy.conditions:
        tree["conditions"] = [_condition(one) for one in policy.conditions]
    return tree


def _selection(sender: DesiredSender) -> Tree:
    match sender.kind:
        case Kind.SYNIVERSE:
            return {"originators": [_originator(one) for one in sender.originators]}
        case Kind.TWILIO_MESSAGING_SERVICE:
            service = sender.messaging_service_sid
            return {} if service is None else {"messaging_service_sid": service}
        case _:
            return {"numbers": [_number(one) for one in sender.numbers]}


def _number(number: SelectedNumber) -> Tree:
    tree: Tree = {"number": number.number}
    if number.type is not None:
        tree["type"] = number.type.value
    if number.capabilities is not None:
        tree["capabilities"] = _channels(number.capabilities)
    if number.segments_per_second is not None:
        tree["segments_per_second"] = _rate(number.segments_per_second)
    return _with_countries(tree, number.countries)


def _originator(originator: Originator) -> Tree:
    tree = _with_countries({"id": originator.id}, originator.countries)
    if originator.channels is not None:
        tree["channels"] = _channels(originator.channels)
    return tree


def _condition(condition: Condition) -> Tree:
    tree = _with_countries({}, condition.countries)
    if condition.channels is not None:
        tree["channels"] = _channels(condition.channels)
    return {**tree, "chain": list(condition.chain)}


def _limit(limit: CountryLimit) -> Tree:
    verb, countries = ("allow", limit.allow) if limit.allow is not None else ("deny", limit.deny)
    tree: Tree = {verb: sorted(countries or ())}
    if limit.channels is not None:
        tree["channels"] = _channels(limit.channels)
    return tree


def _quota(quota: Quota) -> Tree:
    tree: Tree = {"per": quota.scope.value}
    if quota.channels is not None:
        tree["channels"] = _channels(quota.channels)
    amounts = {"total": quota.total, "used": quota.used, "unused": quota.unused}
    return tree | {name: str(amount) for name, amount in amounts.items() if amount is not None}


def _cooldown(cooldown: ChannelCooldown | None) -> Tree:
    if cooldown is None:
        return {"enabled": False}
    return {
        "periods": [f"{period_s}s" if period_s % 60 else f"{period_s // 60}m" for period_s in cooldown.periods_s],
        "resend_limit": str(cooldown.resend_limit),
    }


def _rate(per_second: float) -> str:
    return str(int(per_second)) if per_second.is_integer() else repr(per_second)


def _with_countries(tree: Mapping[str, Any], countries: Iterable[str] | None) -> Tree:
    if countries is None:
        return dict(tree)
    return {**tree, "countries": sorted(countries) if isinstance(countries, frozenset) else list(countries)}


def _channels(channels: Iterable[Channel]) -> list[str]:
    return sorted(channel.value for channel in channels)
