"""What an account says about a sender: its numbers, or every reason why it cannot be saved."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from providers.protocol import (
    FoundNumber,
    Kind,
    NumberType,
    Provider,
    VerificationFailed,
    VerifiedAccount,
    WrongCredentials,
)
from senders.accounts import account_with
from senders.credentials import secret_field
from senders.desired import DesiredSender, SelectedNumber
from senders.findings import Findings, at
from senders.model import Number, TenantConfig
from trunkline_client.private import Token
from trunkline_client.words import Channel

#: accounts called at once; more would only meet the providers' own limits.
_AT_ONCE: Final = 8
_BOTH: Final = frozenset(Channel)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sender to verify; `path` is where the file has it."""

    path: str
    sender: DesiredSender
    token: Token


async def verify_all(
    candidates: Sequence[Candidate], provider: Callable[[Kind], Provider]
) -> Mapping[str, tuple[Number, ...]]:
    """Return the numbers of every candidate by its path, selected or not.

    Raises:
        ConfigRefused: an account refused, or lacks what the file selects; every wrong field of every candidate.
    """
    findings = Findings()
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(candidate: Candidate) -> VerifiedAccount | VerificationFailed:
        async with limit:
            try:
                return await provider(candidate.sender.kind).verify(account_with(candidate.sender, candidate.token))
            except VerificationFailed as refusal:
                return refusal

    answers = await asyncio.gather(*(one(candidate) for candidate in candidates))
    numbers: dict[str, tuple[Number, ...]] = {}
    for candidate, answer in zip(candidates, answers, strict=True):
        if isinstance(answer, VerificationFailed):
            findings.add(_refused_field(candidate, answer), str(answer))
        else:
            numbers[candidate.path] = _import(findings, candidate, answer.numbers)
    findings.refuse_if_any()
    return numbers


def stored_numbers(candidates: Sequence[Candidate], config: TenantConfig | None) -> Mapping[str, tuple[Number, ...]]:
    """Return the same as `verify_all` from the numbers that were read last, without asking any account.

    A number that the account lacked then may stay selected, but not become so.

    Raises:
        ConfigRefused: the numbers do not fit what is selected.
    """
    findings = Findings()
    numbers: dict[str, tuple[Number, ...]] = {}
    for candidate in candidates:
        stored = config.senders.get(candidate.sender.key) if config else None
        known = stored.numbers if stored else ()
        usable = [one for one in known if one.available or one.selected]
        found = [FoundNumber(one.number, one.type, one.capabilities) for one in usable]
        imported = {one.number: one for one in _import(findings, candidate, found)}
        numbers[candidate.path] = tuple(
            replace(imported.get(one.number, one), available=one.available) for one in known
        )
    findings.refuse_if_any()
    return numbers


def _import(findings: Findings, candidate: Candidate, found: Sequence[FoundNumber]) -> tuple[Number, ...]:
    """Return every number of the account with the file's selection on it; what does not fit is recorded."""
    match candidate.sender.kind:
        case Kind.SYNIVERSE:
            _check_originators(findings, candidate, found)
            chosen = {one.id for one in candidate.sender.originators}
            return tuple(Number(one.number, one.type, one.capabilities, selected=one.number in chosen) for one in found)
        case Kind.TWILIO_MESSAGING_SERVICE:
            return ()  # Twilio chooses among the service's numbers, so none is ours to choose
        case Kind.GATEWAY:
            selected = {one.number: one for one in candidate.sender.numbers}
            return tuple(_number(one, selected.get(one.number)) for one in found)
        case _:
            by_number = {one.number: one for one in found}
            selected = {one.number: one for one in candidate.sender.numbers}
            for choice in selected.values():
                problem = _objection(choice, by_number.get(choice.number), candidate.sender.channels)
                if problem is not None:
                    findings.add(f"{at(candidate.path, 'numbers')}[{choice.number}]", problem)
            return tuple(_number(one, selected.get(one.number)) for one in found)


def _objection(choice: SelectedNumber, found: FoundNumber | None, channels: frozenset[Channel]) -> str | None:
    if found is None:
        return "the account does not have this number: select one it has, or buy it there first"
    if channels == _BOTH and not found.capabilities >= _BOTH:
        able = ", ".join(sorted(found.capabilities)) or "neither"
        return f"supports {able} only, and a sender for both sms and voice may only select numbers that support both"
    if choice.countries is not None and found.type is NumberType.PHONE_NUMBER:
        return "is an ordinary number, which serves every country: remove its countries"
    return None


def _number(found: FoundNumber, choice: SelectedNumber | None) -> Number:
    return Number(
        found.number,
        found.type,
        found.capabilities,
        selected=choice is not None,
        countries=choice.countries if choice else None,
        segments_per_second=choice.segments_per_second if choice else None,
    )


def _check_originators(findings: Findings, candidate: Candidate, found: Sequence[FoundNumber]) -> None:
    by_id = {one.number: one for one in found}
    for index, originator in enumerate(candidate.sender.originators):
        path = at(at(candidate.path, "originators"), index)
        listed = by_id.get(originator.id)
        if listed is None:
            findings.add(at(path, "id"), f"the account does not have {originator.id}")
            continue
        wanted = originator.channels or candidate.sender.channels
        # an account that lists no capability of a sender id says nothing about it
        if listed.capabilities and not listed.capabilities >= wanted:
            able = ", ".join(sorted(listed.capabilities))
            findings.add(at(path, "channels"), f"{originator.id} supports {able} only: list just that")


def _refused_field(candidate: Candidate, refusal: VerificationFailed) -> str:
    """Return the field a refusal is about: the token if that is wrong, else the sender."""
    if not isinstance(refusal, WrongCredentials):
        return candidate.path
    return at(candidate.path, secret_field(candidate.sender))
