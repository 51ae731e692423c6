"""Checking a Syniverse access token and listing its senders and channels (docs/wire-syniverse.md, Senders)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from providers.faults import Fault
from providers.http import Exchange
from providers.protocol import (
    Account,
    AccountEmpty,
    AccountNotActive,
    FoundNumber,
    NumberType,
    ProviderUnreachable,
    VerificationFailed,
    VerifiedAccount,
    WrongCredentials,
)
from providers.syniverse_api import CHANNELS, SENDER_IDS, ListUnreadable, Row, SyniverseApi
from providers.syniverse_faults import classify
from trunkline_client.words import Channel

_MOST_PAGES: Final = 1000
_CHANNEL_OF: Final[Mapping[str, Channel]] = {"SMS": Channel.SMS, "VOICE": Channel.VOICE}
_TYPE_OF: Final[Mapping[str, NumberType]] = {
    "SHORTCODE": NumberType.SHORT_CODE,
    "TOLLFREE": NumberType.TOLL_FREE,
}


async def verify(api: SyniverseApi, account: Account, *, deadline_s: float) -> VerifiedAccount:
    """Return every channel and every active sender; Syniverse has no name for the account.

    Args:
        api: the way to Syniverse.
        account: the account with its access token.
        deadline_s: how long one request may take, in seconds.

    Raises:
        VerificationFailed: in the form that says why.
    """
    try:
        channels = await api.rows(account, CHANNELS, deadline_s=deadline_s, most_pages=_MOST_PAGES)
        senders = await api.rows(account, SENDER_IDS, deadline_s=deadline_s, most_pages=_MOST_PAGES)
    except ListUnreadable as failure:
        raise _reason(failure) from failure
    found = (*map(_channel, channels), *(_sender(row) for row in senders if row.get("state") in {"ACTIVE", None}))
    if not found:
        raise AccountEmpty("the Syniverse account has no channels and no active senders")
    return VerifiedAccount("", found)


def _channel(row: Row) -> FoundNumber:
    """Return a channel; which of its senders carries a message is Syniverse's choice, so it is taken to carry both."""
    return FoundNumber(f"channel:{row['id']}", NumberType.PHONE_NUMBER, frozenset(Channel))


def _sender(row: Row) -> FoundNumber:
    listed = row.get("capabilities")
    names = listed if isinstance(listed, list) else []
    kind = str(row.get("type_id", "")).replace("_", "").replace("-", "").upper()
    return FoundNumber(
        f"sender_id:{row['id']}",
        _TYPE_OF.get(kind, NumberType.PHONE_NUMBER),
        frozenset(channel for name, channel in _CHANNEL_OF.items() if name in names),
    )


def _reason(failure: ListUnreadable) -> VerificationFailed:
    ended = failure.ended
    if not isinstance(ended, Exchange):
        return ProviderUnreachable(f"Syniverse could not be asked about the account ({ended.code}); try again later")
    if ended.is_success:
        return ProviderUnreachable("Syniverse's answer about the account cannot be read; try again later")
    verdict = classify(ended.status, ended.body)
    match verdict.ruling.fault if verdict.ruling else None:
        case Fault.AUTH:
            return WrongCredentials(f"Syniverse refused the access token ({verdict.code}); check it, or make a new one")
        case Fault.ACCOUNT:
            return AccountNotActive(f"Syniverse says the account cannot send ({verdict.code}); check its credit")
        case _:
            return ProviderUnreachable(f"Syniverse could not be asked about the account ({verdict.code})")
