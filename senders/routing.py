"""Where a job goes: its policy, the chain of senders, and which of them may be used now."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from providers.protocol import Kind
from senders.model import Condition, Policy, Sender, TenantConfig
from senders.policy import Rule, find_policy
from trunkline_client.words import Channel


class RouteSource(StrEnum):
    """What a chain came from."""

    CONDITION = "condition"
    DEFAULT_CHAIN = "default_chain"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Route:
    """The senders a job tries, in order.

    Attributes:
        policy: the policy that applies; its `no_fallback` and `on_unknown` hold for the whole job.
        chain: sender keys, the tenant's own account first; empty means the fault `no_chain`.
        source: what the chain came from.
    """

    policy: Policy
    chain: tuple[str, ...]
    source: RouteSource


@dataclass(frozen=True, slots=True)
class UnknownPolicy:
    """The job names a policy its tenant does not have: it is `rejected` with `rule`."""

    name: str
    rule: Rule = Rule.POLICY


class Unusable(StrEnum):
    """Why a sender in a chain gets no new attempt."""

    UNKNOWN = "unknown_sender"
    DISABLED = "disabled"
    DRAFT = "draft"


def route(
    config: TenantConfig, *, policy_name: str | None, channel: Channel, country: str | None
) -> Route | UnknownPolicy:
    """Return the chain of a job: of its policy's first matching condition, else the tenant's default chain.

    Args:
        config: the tenant's configuration.
        policy_name: the policy the job names, None for the default one.
        channel: the job's channel.
        country: the recipient's country, None if unknown; no condition with countries matches that.
    """
    policy = find_policy(config, policy_name)
    if policy is None:
        return UnknownPolicy(policy_name or "")
    for condition in policy.conditions:
        if _matches(condition, channel, country):
            return Route(policy, condition.chain, RouteSource.CONDITION)
    if config.default_chain:
        return Route(policy, config.default_chain, RouteSource.DEFAULT_CHAIN)
    return Route(policy, (), RouteSource.NONE)


def unusable(sender: Sender | None) -> Unusable | None:
    """Return why a sender gets no new attempt, None if it may be used; None stands for a key without a sender."""
    if sender is None:
        return Unusable.UNKNOWN
    if is_draft(sender):
        return Unusable.DRAFT
    return None if sender.enabled else Unusable.DISABLED


def is_draft(sender: Sender) -> bool:
    """Return whether the sender lacks consent or a selection, so that no chain can name it."""
    return sender.consent is None or not _has_selection(sender)


def _has_selection(sender: Sender) -> bool:
    match sender.kind:
        case Kind.SYNIVERSE:
            return bool(sender.originators)
        case Kind.TWILIO_MESSAGING_SERVICE:
            return sender.messaging_service_sid is not None
        case Kind.GATEWAY:
            return sender.gateway is not None  # numbers are optional: a gateway may choose its own
        case _:
            return any(number.selected for number in sender.numbers)


def _matches(condition: Condition, channel: Channel, country: str | None) -> bool:
    if condition.channels is not None and channel not in condition.channels:
        return False
    return condition.countries is None or country in condition.countries
