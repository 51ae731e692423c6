"""Checking a Twilio account and listing its numbers (docs/wire-twilio.md, Accounts and numbers)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NoReturn

from providers.faults import Fault
from providers.http import Call, Exchange
from providers.protocol import (
    Account,
    AccountEmpty,
    AccountNotActive,
    FoundNumber,
    FoundService,
    Kind,
    MessagingServiceMissing,
    NumberType,
    ProviderUnreachable,
    VerifiedAccount,
    WrongCredentials,
)
from providers.twilio_api import ReadFailed, Row, TwilioApi
from providers.twilio_faults import classify
from trunkline_client.words import Channel

#: 100,000 numbers; a list that goes on is broken.
_MOST_PAGES: Final = 1000
#: toll-free by the North American plan: 822 and 880 to 887 are reserved.
_NANP_TOLL_FREE = re.compile(r"\+18(?:00|33|44|55|66|77|88)[2-9][0-9]{6}")
_CHANNEL_OF: Final[Mapping[str, Channel]] = {"sms": Channel.SMS, "voice": Channel.VOICE}


async def verify(api: TwilioApi, account: Account, *, deadline_s: float) -> VerifiedAccount:
    """Return the account with every number and short code, all pages.

    Args:
        api: the way to Twilio.
        account: the account with its credentials.
        deadline_s: how long one request may take, in seconds.

    Raises:
        VerificationFailed: in the form that says why.
    """
    name = await _active_account(api, account, deadline_s)
    try:
        services = await _services(api, account, deadline_s)
        toll_free = {
            _text(row, "phone_number")
            for row in await _list(api, account, "/IncomingPhoneNumbers/TollFree", "incoming_phone_numbers", deadline_s)
        }
        numbers = await _list(api, account, "/IncomingPhoneNumbers", "incoming_phone_numbers", deadline_s)
        codes = await _list(api, account, "/SMS/ShortCodes", "short_codes", deadline_s)
        found = (*(_number(row, toll_free) for row in numbers), *map(_short_code, codes))
    except ReadFailed as failure:
        _fail(failure.ended, failure)
    if not found:
        raise AccountEmpty("the Twilio account has no numbers; buy one, then verify again")
    # A number that is bought while the pages are read moves another to the next page, where it is listed again.
    return VerifiedAccount(name, tuple({one.number: one for one in found}.values()), services)


async def _active_account(api: TwilioApi, account: Account, deadline_s: float) -> str:
    """Return the account's name. The answer holds the auth token, so nothing else of it is kept or shown."""
    ended = await api.read(account, api.account_url(account), deadline_s=deadline_s)
    if not isinstance(ended, Exchange) or not ended.is_success:
        _fail(ended, None)
    match ended.field("status"):
        case "active":
            name = ended.field("friendly_name")
            return name if isinstance(name, str) else ""
        case "suspended" | "closed" as status:
            raise AccountNotActive(f"the Twilio account is {status}; reactivate it in Twilio's console")
        case _:
            raise ProviderUnreachable("Twilio's answer about the account cannot be read; try again later")


async def _services(api: TwilioApi, account: Account, deadline_s: float) -> tuple[FoundService, ...]:
    """Return the messaging services of an account whose sender is one; the selected one must be among them."""
    if account.kind is not Kind.TWILIO_MESSAGING_SERVICE:
        return ()
    pages = api.pages(account, api.services_url(), "services", deadline_s=deadline_s, most_pages=_MOST_PAGES)
    found = [
        FoundService(_text(row, "sid"), str(row.get("friendly_name") or "")) async for rows in pages for row in rows
    ]
    wanted = account.messaging_service_sid
    if wanted is not None and all(one.sid != wanted for one in found):
        listed = ", ".join(one.sid for one in found) or "none"
        raise MessagingServiceMissing(f"the Twilio account has no messaging service {wanted}; it has: {listed}")
    return tuple(found)


async def _list(api: TwilioApi, account: Account, resource: str, key: str, deadline_s: float) -> list[Row]:
    pages = api.pages(account, api.account_url(account, resource), key, deadline_s=deadline_s, most_pages=_MOST_PAGES)
    return [row async for rows in pages for row in rows]


def _number(row: Row, toll_free: set[str]) -> FoundNumber:
    number = _text(row, "phone_number")
    capabilities = row.get("capabilities")
    able = capabilities if isinstance(capabilities, dict) else {}
    is_toll_free = number in toll_free or _NANP_TOLL_FREE.fullmatch(number)
    return FoundNumber(
        number,
        NumberType.TOLL_FREE if is_toll_free else NumberType.PHONE_NUMBER,
        frozenset(channel for name, channel in _CHANNEL_OF.items() if able.get(name) is True),
    )


def _short_code(row: Row) -> FoundNumber:
    """Return a short code; Twilio lists no capabilities for it, and it carries SMS only."""
    return FoundNumber(_text(row, "short_code"), NumberType.SHORT_CODE, frozenset({Channel.SMS}))


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise ProviderUnreachable(f"a row of Twilio's lists has no {name}; try again later")
    return value


def _fail(ended: Call, cause: ReadFailed | None) -> NoReturn:
    """Raise what a read that did not succeed says about the account."""
    if isinstance(ended, Exchange) and not ended.is_success:
        verdict = classify(ended.status, ended.body)
        match verdict.ruling.fault if verdict.ruling else None:
            case Fault.AUTH:
                raise WrongCredentials(
                    "Error receiving account information: Twilio refused the Account SID or auth token "
                    f"({verdict.code}); check both"
                ) from cause
            case Fault.ACCOUNT:
                raise AccountNotActive(
                    f"Twilio says the account is not active ({verdict.code}); reactivate it in Twilio's console"
                ) from cause
        code = verdict.code
    else:
        code = "unreadable_answer" if isinstance(ended, Exchange) else ended.code
    raise ProviderUnreachable(f"Twilio could not be asked about the account ({code}); try again later") from cause
