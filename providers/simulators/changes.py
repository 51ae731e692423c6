"""Changes to a world at run time: pure functions from a world to the next one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Final, TypeVar

from providers.simulators.world import (
    AccountStatus,
    SimulatedGateway,
    SuspendedAnswer,
    SyniverseAccount,
    TwilioAccount,
    World,
)
from trunkline_client.errors import TrunklineError

A = TypeVar("A")


class Action(StrEnum):
    """What can happen to an account; the path segment of the control API has the same word."""

    REVOKE_TOKEN = "revoke-token"  # noqa: S105 - a verb, no secret
    SET_TOKEN = "set-token"  # noqa: S105 - same
    RELEASE_NUMBER = "release-number"
    SUSPEND = "suspend"
    CLOSE = "close"
    ACTIVATE = "activate"
    OPT_OUT = "opt-out"
    OPT_IN = "opt-in"
    BLOCK_COUNTRY = "block-country"
    UNBLOCK_COUNTRY = "unblock-country"
    EXPIRE_TOKEN = "expire-token"  # noqa: S105 - same
    DRAIN_CREDIT = "drain-credit"
    REJECT_RECIPIENT = "reject-recipient"


class ChangeRefused(TrunklineError):
    """A change names no account, an action its provider does not know, or lacks its value."""


def changed(world: World, account: str, action: Action, value: str | None = None) -> World:
    """Return the world after `action` happened to `account`.

    Args:
        account: the Account SID, or the name of a Syniverse account or a gateway.
        value: the number, recipient, country, token or answer the action is about.

    Raises:
        ChangeRefused: nothing was changed.
    """
    for twilio in world.twilio:
        if twilio.sid == account:
            after = _apply(_TWILIO, twilio, action, value)
            return replace(world, twilio=tuple(after if kept is twilio else kept for kept in world.twilio))
    for syniverse in world.syniverse:
        if syniverse.name == account:
            later = _apply(_SYNIVERSE, syniverse, action, value)
            return replace(world, syniverse=tuple(later if kept is syniverse else kept for kept in world.syniverse))
    for gateway in world.gateways:
        if gateway.name == account:
            then = _apply(_GATEWAY, gateway, action, value)
            return replace(world, gateways=tuple(then if kept is gateway else kept for kept in world.gateways))
    raise ChangeRefused(f"no account {account} in this world")


def _apply(table: Mapping[Action, Callable[[A, str | None], A]], account: A, action: Action, value: str | None) -> A:
    change = table.get(action)
    if change is None:
        raise ChangeRefused(f"{action} is not for this provider's accounts")
    return change(account, value)


def _needed(value: str | None) -> str:
    if not value:
        raise ChangeRefused('this action needs a "value"')
    return value


def _without(values: tuple[str, ...], value: str) -> tuple[str, ...]:
    return tuple(kept for kept in values if kept != value)


def _suspend(account: TwilioAccount, value: str | None) -> TwilioAccount:
    try:
        answer = SuspendedAnswer(value) if value else account.suspended_answer
    except ValueError as error:
        raise ChangeRefused(f"the answer is one of {', '.join(SuspendedAnswer)}") from error
    return replace(account, status=AccountStatus.SUSPENDED, suspended_answer=answer)


def _release_number(account: TwilioAccount, value: str | None) -> TwilioAccount:
    gone = _needed(value)
    services = tuple(
        replace(service, numbers=_without(service.numbers, gone), short_codes=_without(service.short_codes, gone))
        for service in account.services
    )
    return replace(
        account,
        numbers=tuple(kept for kept in account.numbers if kept.number != gone),
        short_codes=tuple(kept for kept in account.short_codes if kept.code != gone),
        services=services,
    )


def _block_country(account: TwilioAccount, value: str | None) -> TwilioAccount:
    country = (_needed(value),)
    return replace(
        account,
        sms_blocked_countries=account.sms_blocked_countries + country,
        voice_blocked_countries=account.voice_blocked_countries + country,
    )


def _unblock_country(account: TwilioAccount, value: str | None) -> TwilioAccount:
    return replace(
        account,
        sms_blocked_countries=_without(account.sms_blocked_countries, _needed(value)),
        voice_blocked_countries=_without(account.voice_blocked_countries, _needed(value)),
    )


def _release_originator(account: SyniverseAccount, value: str | None) -> SyniverseAccount:
    gone = _needed(value).removeprefix("channel:").removeprefix("sender_id:")
    return replace(
        account,
        channels=tuple(kept for kept in account.channels if kept.id != gone),
        sender_ids=tuple(kept for kept in account.sender_ids if kept.id != gone),
    )


_TWILIO: Final[Mapping[Action, Callable[[TwilioAccount, str | None], TwilioAccount]]] = {
    Action.REVOKE_TOKEN: lambda account, _: replace(account, token=None),
    Action.SET_TOKEN: lambda account, value: replace(account, token=_needed(value)),
    Action.RELEASE_NUMBER: _release_number,
    Action.SUSPEND: _suspend,
    Action.CLOSE: lambda account, _: replace(account, status=AccountStatus.CLOSED),
    Action.ACTIVATE: lambda account, _: replace(account, status=AccountStatus.ACTIVE),
    Action.OPT_OUT: lambda account, value: replace(account, opted_out=(*account.opted_out, _needed(value))),
    Action.OPT_IN: lambda account, value: replace(account, opted_out=_without(account.opted_out, _needed(value))),
    Action.BLOCK_COUNTRY: _block_country,
    Action.UNBLOCK_COUNTRY: _unblock_country,
}
_SYNIVERSE: Final[Mapping[Action, Callable[[SyniverseAccount, str | None], SyniverseAccount]]] = {
    Action.REVOKE_TOKEN: lambda account, _: replace(account, token=None),
    Action.SET_TOKEN: lambda account, value: replace(account, token=_needed(value), token_expired=False),
    Action.EXPIRE_TOKEN: lambda account, _: replace(account, token_expired=True),
    Action.DRAIN_CREDIT: lambda account, _: replace(account, out_of_credit=True),
    Action.RELEASE_NUMBER: _release_originator,
    Action.REJECT_RECIPIENT: lambda account, value: replace(
        account, rejected_recipients=(*account.rejected_recipients, _needed(value))
    ),
}
_GATEWAY: Final[Mapping[Action, Callable[[SimulatedGateway, str | None], SimulatedGateway]]] = {
    Action.REVOKE_TOKEN: lambda gateway, _: replace(gateway, secret=None),
    Action.SET_TOKEN: lambda gateway, value: replace(gateway, secret=_needed(value)),
}
