"""The Twilio provider: SMS from own numbers, sender IDs or a messaging service, and voice calls with inline TwiML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from providers import twilio_account, twilio_calls, twilio_lookup, twilio_messages
from providers.faults import Fault
from providers.protocol import (
    Account,
    AttemptResult,
    LookupAnswer,
    LookupRequest,
    OriginType,
    SmsRequest,
    VerifiedAccount,
    VoiceRequest,
)
from providers.results import refused_here, result_of, unencodable
from providers.twilio_api import TwilioApi
from providers.twilio_faults import classify
from providers.twiml import LONGEST_TWIML, twiml
from providers.voice_markup import parse

_ID_FIELD: Final = "sid"


@dataclass(frozen=True, slots=True)
class Twilio:
    """Implements `Provider` for the kinds `twilio` and `twilio_messaging_service`.

    Attributes:
        verify_deadline_s: how long one request of a verification may take, in seconds.
    """

    api: TwilioApi
    verify_deadline_s: float

    async def send_sms(self, account: Account, request: SmsRequest) -> AttemptResult:
        """Send one SMS; never raises but `LeaseLost`."""
        if unencodable(request.body):
            return refused_here(Fault.BODY, "body_not_text")
        ended = await self.api.create(
            account,
            twilio_messages.RESOURCE,
            twilio_messages.message_form(request),
            deadline_s=request.deadline_s,
            before_first_byte=request.before_first_byte,
        )
        ignored = request.sender_id is not None and request.origin.type is not OriginType.SENDER_ID
        return result_of(ended, id_field=_ID_FIELD, classify=classify, not_honoured=("sender_id",) if ignored else ())

    async def place_call(self, account: Account, request: VoiceRequest) -> AttemptResult:
        """Place one call that speaks the body; never raises but `LeaseLost`."""
        if request.origin.type is not OriginType.NUMBER:
            return refused_here(Fault.NUMBER, "origin_not_for_voice")
        markup = parse(request.body.reveal())
        if markup.problems:
            return refused_here(Fault.BODY, "voice_markup")
        spoken = twiml(markup, request.locale, request.voice)
        if len(spoken.document) > LONGEST_TWIML:
            return refused_here(Fault.BODY, "twiml_too_long")
        ended = await self.api.create(
            account,
            twilio_calls.RESOURCE,
            twilio_calls.call_form(request, spoken),
            deadline_s=request.deadline_s,
            before_first_byte=request.before_first_byte,
        )
        return result_of(ended, id_field=_ID_FIELD, classify=classify, not_honoured=spoken.not_honoured)

    async def look_up(self, account: Account, request: LookupRequest) -> LookupAnswer:
        """Ask whether an attempt of unknown outcome reached Twilio; never raises."""
        return await twilio_lookup.look_up(self.api, account, request)

    async def verify(self, account: Account) -> VerifiedAccount:
        """Check the credentials and list every number; raises a `VerificationFailed`."""
        return await twilio_account.verify(self.api, account, deadline_s=self.verify_deadline_s)
