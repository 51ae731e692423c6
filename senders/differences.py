"""What would change in a tenant's configuration, in words for an operator; credentials are never part of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from senders.desired import DesiredSender, DesiredTenant, SelectedNumber
from senders.gateway_words import described_gateway
from senders.model import ChannelCooldown, Condition, CountryLimit, Originator, Policy, Quota
from senders.shown import shown


class Change(StrEnum):
    """What happens to a field."""

    ADD = "add"
    REMOVE = "remove"
    CHANGE = "change"


class Section(StrEnum):
    """What a field belongs to."""

    TENANT = "tenant"
    SENDER = "sender"
    POLICY = "policy"
    DEFAULT_CHAIN = "default_chain"


@dataclass(frozen=True, slots=True)
class Subject:
    """The object a field belongs to: a sender or a policy by its key, else the tenant or its default chain."""

    section: Section
    key: str = ""

    @property
    def prefix(self) -> str:
        """How the paths of its fields begin."""
        match self.section:
            case Section.SENDER:
                return f"senders.{self.key}."
            case Section.POLICY:
                return f"policies.{self.key}."
            case Section.TENANT | Section.DEFAULT_CHAIN:
                return ""


_TENANT: Final = Subject(Section.TENANT)
_DEFAULT_CHAIN: Final = Subject(Section.DEFAULT_CHAIN)
#: a field of an object: which object, and the field's name in it.
_Place = tuple[Subject, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that changes, with what it says before and after; None means it is not there.

    Attributes:
        field: the path of the field within the tenant.
        subject: the object it belongs to.
    """

    field: str
    before: str | None
    after: str | None
    subject: Subject = _TENANT

    @property
    def change(self) -> Change:
        """What happens to the field."""
        if self.before is None:
            return Change.ADD
        return Change.REMOVE if self.after is None else Change.CHANGE

    def __str__(self) -> str:
        """Return one line: `+`, `-` or `~`, the field, and what it says, with control characters escaped."""
        match self.change:
            case Change.ADD:
                return shown(f"+ {self.field}: {self.after}")
            case Change.REMOVE:
                return shown(f"- {self.field}: {self.before}")
            case Change.CHANGE:
                return shown(f"~ {self.field}: {self.before} -> {self.after}")


def differences(desired: DesiredTenant, current: DesiredTenant | None) -> tuple[Difference, ...]:
    """Return every field that differs, removed ones first, in the order of the configuration."""
    before = _described(current) if current else {}
    after = _described(desired)
    removed = [_difference(place, text, None) for place, text in before.items() if place not in after]
    changed = (_difference(place, before.get(place), text) for place, text in after.items())
    return (*removed, *(one for one in changed if one.before != one.after))


def _difference(place: _Place, before: str | None, after: str | None) -> Difference:
    subject, name = place
    return Difference(f"{subject.prefix}{name}", before, after, subject)


def _described(tenant: DesiredTenant) -> dict[_Place, str]:
    return {(subject, name): text for subject, name, text in _fields(tenant)}


def _fields(tenant: DesiredTenant) -> Iterator[tuple[Subject, str, str]]:
    for key, sender in sorted(tenant.senders.items()):
        for name, text in _sender(sender):
            yield Subject(Section.SENDER, key), name, text
    for key, policy in sorted(tenant.policies.items()):
        for name, text in described_policy(policy):
            yield Subject(Section.POLICY, key), name, text
    if tenant.default_chain:
        yield _DEFAULT_CHAIN, "default_chain", _chain(tenant.default_chain)


def _sender(sender: DesiredSender) -> Iterator[tuple[str, str]]:
    yield "kind", sender.kind
    yield "name", sender.name
    if sender.account_sid:
        yield "account_sid", sender.account_sid
    if sender.messaging_service_sid:
        yield "messaging_service_sid", sender.messaging_service_sid
    yield "channels", _list(sender.channels)
    if sender.concurrent_requests is not None:
        yield "concurrent_requests", f"{sender.concurrent_requests:,}" if sender.concurrent_requests else "no limit"
    if sender.calls_per_second is not None:
        yield "calls_per_second", f"{sender.calls_per_second:,g}" if sender.calls_per_second else "no limit"
    if sender.gateway:
        yield from described_gateway(sender.gateway)
    for number in sender.numbers:
        yield f"numbers[{number.number}]", _number(number)
    if sender.originators:
        yield "originators", "; ".join(map(_originator, sender.originators))
    yield "consent", f"by {sender.consent_by}" if sender.consent_by else "none (a draft)"
    yield "enabled", "yes" if sender.enabled else "no"


def described_policy(policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield the fields of a policy with what they say, in words for an operator."""
    for index, condition in enumerate(policy.conditions):
        yield f"conditions[{index}]", _condition(condition)
    yield "country_limit", _limit(policy.country_limit)
    for quota in policy.quotas:
        yield f"quotas.{quota.scope}", _quota(quota)
    if policy.cooldown:
        yield "cooldown.by", policy.cooldown.by
        yield "cooldown.sms", _cooldown(policy.cooldown.sms)
        yield "cooldown.voice", _cooldown(policy.cooldown.voice)
    yield "fallback", f"not after {_list(policy.no_fallback)}" if policy.no_fallback else "after every fault"
    yield "on_unknown", policy.on_unknown


def _number(number: SelectedNumber) -> str:
    known = f" as {number.type}" if number.type else ""
    rate = number.segments_per_second
    paced = "" if rate is None else f" at {rate:,g} segments/s" if rate else " without a rate"
    return f"selected{known}{_for(number.countries)}{_over(number.capabilities)}{paced}"


def _originator(originator: Originator) -> str:
    return f"{originator.id}{_for(originator.countries)}{_over(originator.channels)}"


def _condition(condition: Condition) -> str:
    where = f"{_for(condition.countries)}{_over(condition.channels)}".strip() or "everything else"
    return f"{where}: {_chain(condition.chain)}"


def _limit(limit: CountryLimit | None) -> str:
    if limit is None:
        return "none"
    verb, countries = ("only", limit.allow) if limit.allow is not None else ("all but", limit.deny)
    return f"{verb} {_list(countries or ())}{_over(limit.channels)}"


def _quota(quota: Quota) -> str:
    most = f"{quota.total:,}" if quota.total is not None else f"{quota.used:,} used and {quota.unused:,} unused"
    return f"{most} a day{_over(quota.channels)}"


def _cooldown(cooldown: ChannelCooldown | None) -> str:
    if cooldown is None:
        return "none"
    first, second, later = map(_period, cooldown.periods_s)
    resends = "1 resend" if cooldown.resend_limit == 1 else f"{cooldown.resend_limit} resends"
    return f"{first}, then {second}, then {later}; at most {resends}"


def _period(period_s: int) -> str:
    minutes, rest_s = divmod(period_s, 60)
    return f"{period_s} s" if rest_s else f"{minutes} min"


def _chain(chain: tuple[str, ...]) -> str:
    return " then ".join(chain)


def _for(countries: Iterable[str] | None) -> str:
    return "" if countries is None else f" for {_list(countries)}"


def _over(channels: Iterable[str] | None) -> str:
    return "" if channels is None else f" over {_list(channels)}"


def _list(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))
