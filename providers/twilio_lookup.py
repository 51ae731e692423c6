"""Whether an attempt of unknown outcome reached Twilio (docs/wire-twilio.md, Looking up)."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final

from providers import twilio_calls, twilio_messages
from providers.protocol import Account, LookupAnswer, LookupRequest
from providers.twilio_api import ReadFailed, TwilioApi
from providers.twilio_messages import created_at, is_message_of, is_outbound_to, list_filter, reaches_back_to
from trunkline_client.words import Channel

#: 500 messages between one pair within a minute do not happen: Twilio fails more than 30 in 30 s.
_MOST_PAGES: Final = 5


async def look_up(api: TwilioApi, account: Account, request: LookupRequest) -> LookupAnswer:
    """Return the messages or calls that match the attempt.

    The answer is good if the list was read back to the attempt's start; what was found counts either way.
    """
    found: list[tuple[datetime, str]] = []
    try:
        async with asyncio.timeout(request.deadline_s):
            good = await _read_back(api, account, request, found)
    except (ReadFailed, TimeoutError):
        good = False
    return LookupAnswer(good=good, candidates=tuple(sid for _, sid in sorted(found)))


async def _read_back(
    api: TwilioApi, account: Account, request: LookupRequest, found: list[tuple[datetime, str]]
) -> bool:
    """Collect matches from the newest page on; return whether every row since the attempt could be read."""
    resource, key, matches = (
        (twilio_messages.RESOURCE, twilio_messages.KEY, is_message_of)
        if request.channel is Channel.SMS
        else (twilio_calls.RESOURCE, twilio_calls.KEY, is_outbound_to)
    )
    readable = True
    async for rows in api.pages(
        account,
        api.account_url(account, resource),
        key,
        params=list_filter(request),
        deadline_s=request.deadline_s,
        most_pages=_MOST_PAGES,
    ):
        for row in rows:
            if not matches(row, request):
                continue
            match created_at(row), row.get("sid"):
                case datetime() as created, str(sid) if sid:
                    if created >= request.not_before:
                        found.append((created, sid))
                case _:
                    readable = False
        if reaches_back_to(rows, request.not_before):
            break
    return readable
