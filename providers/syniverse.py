"""The Syniverse provider: message requests, spoken ones included (docs/wire-syniverse.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from providers import syniverse_account
from providers.faults import Fault
from providers.http import Exchange
from providers.plain_speech import plain_speech
from providers.protocol import (
    Account,
    AttemptResult,
    LookupAnswer,
    LookupRequest,
    SmsRequest,
    VerifiedAccount,
    VoiceRequest,
)
from providers.results import refused_here, result_of, unencodable
from providers.syniverse_api import MESSAGE_REQUESTS, SyniverseApi
from providers.syniverse_faults import classify
from providers.voice_markup import parse

_ID_FIELD: Final = "id"


@dataclass(frozen=True, slots=True)
class Syniverse:
    """Implements `Provider` for the kind `syniverse`.

    Attributes:
        verify_deadline_s: how long one request of a verification may take, in seconds.
    """

    api: SyniverseApi
    verify_deadline_s: float

    async def send_sms(self, account: Account, request: SmsRequest) -> AttemptResult:
        """Send one SMS; never raises but `LeaseLost`."""
        ignored = ("sender_id",) if request.sender_id is not None else ()
        return await self._send(account, request, request.to.reveal(), request.body.reveal(), ignored)

    async def place_call(self, account: Account, request: VoiceRequest) -> AttemptResult:
        """Have the body spoken as plain text; a wanted language or voice is reported as not honoured."""
        markup = parse(request.body.reveal())
        if markup.problems:
            return refused_here(Fault.BODY, "voice_markup")
        wishes = {"locale": request.locale, "voice": request.voice}
        ignored = tuple(name for name, wish in wishes.items() if wish)
        return await self._send(account, request, f"voice:{request.to.reveal()}", plain_speech(markup), ignored)

    async def look_up(self, account: Account, request: LookupRequest) -> LookupAnswer:
        """Ask for the message request with the attempt's id as `external_id`; never raises.

        Rows without this `external_id` mean that the filter was not applied, which says nothing about the attempt.
        """
        ended = await self.api.read(
            account,
            MESSAGE_REQUESTS,
            params={"external_id": request.attempt_id},
            deadline_s=request.deadline_s,
        )
        rows = ended.field("list") if isinstance(ended, Exchange) and ended.is_success else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            return LookupAnswer(good=False)
        ours = [row for row in rows if row.get("external_id") == request.attempt_id]
        ids = [row.get("id") for row in sorted(ours, key=lambda row: str(row.get("created_date", "")))]
        found = tuple(provider_id for provider_id in ids if isinstance(provider_id, str) and provider_id)
        return LookupAnswer(good=len(found) == len(rows), candidates=found, names_attempt=bool(found))

    async def verify(self, account: Account) -> VerifiedAccount:
        """Check the access token and list every sender and channel; raises a `VerificationFailed`."""
        return await syniverse_account.verify(self.api, account, deadline_s=self.verify_deadline_s)

    async def _send(
        self, account: Account, request: SmsRequest | VoiceRequest, to: str, body: str, not_honoured: tuple[str, ...]
    ) -> AttemptResult:
        if unencodable(request.body):
            return refused_here(Fault.BODY, "body_not_text")
        ended = await self.api.create(
            account,
            {
                "from": request.origin.value,
                "to": [to],
                "body": body,
                "external_id": request.attempt_id,
                "expiry_time": str(request.expires_at_ms),
            },
            deadline_s=request.deadline_s,
            before_first_byte=request.before_first_byte,
        )
        return result_of(ended, id_field=_ID_FIELD, classify=classify, not_honoured=not_honoured)
