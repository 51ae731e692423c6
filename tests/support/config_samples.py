"""Configuration files to test with, and a provider that answers verifications from memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from providers.protocol import (
    Account,
    AttemptResult,
    FoundNumber,
    Kind,
    LookupAnswer,
    LookupRequest,
    NumberType,
    Provider,
    SmsRequest,
    VerificationFailed,
    VerifiedAccount,
    VoiceRequest,
)
from tests.support.sender_samples import ACCOUNT_SID, BOTH, SMS

ENVIRONMENT = {"ACME_TWILIO_TOKEN": "twilio-token-1", "ACME_SYNIVERSE_TOKEN": "syniverse-token-1"}

ACME = f"""
tenants:
  acme:
    default_chain: [acme-twilio, acme-syniverse]
    senders:
      acme-twilio:
        kind: twilio
        name: Acme Twilio
        account_sid: {ACCOUNT_SID}
        auth_token: ${{ACME_TWILIO_TOKEN}}
        consent: {{by: ops@acme.example}}
        channels: [sms]
        numbers:
          - {{number: "+14155550100"}}
          - {{number: "+18335550199", countries: [US, CA]}}
          - {{number: "88022"}}
      acme-syniverse:
        kind: syniverse
        name: Acme Syniverse
        access_token: ${{ACME_SYNIVERSE_TOKEN}}
        consent: {{by: ops@acme.example}}
        channels: [sms, voice]
        originators:
          - {{id: "channel:1KJPMkuHQkair", countries: [US, GB], channels: [sms]}}
          - {{id: "channel:2LKQNlviRlbjs"}}
    policies:
      default:
        conditions:
          - {{countries: [GB], channels: [sms], chain: [acme-syniverse]}}
          - {{chain: [acme-twilio, acme-syniverse]}}
"""

GATEWAY_NUMBERS = (FoundNumber("+18335550111", NumberType.TOLL_FREE, BOTH),)
TWILIO_NUMBERS = (
    FoundNumber("+14155550100", NumberType.PHONE_NUMBER, BOTH),
    FoundNumber("+14155550101", NumberType.PHONE_NUMBER, SMS),
    FoundNumber("+18335550199", NumberType.TOLL_FREE, BOTH),
    FoundNumber("88022", NumberType.SHORT_CODE, SMS),
)
SYNIVERSE_NUMBERS = (
    FoundNumber("channel:1KJPMkuHQkair", NumberType.PHONE_NUMBER, BOTH),
    FoundNumber("channel:2LKQNlviRlbjs", NumberType.PHONE_NUMBER, BOTH),
    FoundNumber("sender_id:sms-only", NumberType.PHONE_NUMBER, SMS),
)


@dataclass
class FakeProvider(Provider):
    """Verifies every account as having `numbers`, or refuses it; remembers who asked."""

    numbers: Sequence[FoundNumber] = ()
    refusal: VerificationFailed | None = None
    asked: list[Account] = field(default_factory=list)

    async def verify(self, account: Account) -> VerifiedAccount:
        self.asked.append(account)
        if self.refusal is not None:
            raise self.refusal
        return VerifiedAccount("", tuple(self.numbers))

    async def send_sms(self, account: Account, request: SmsRequest) -> AttemptResult:
        raise AssertionError("a verification sends nothing")

    async def place_call(self, account: Account, request: VoiceRequest) -> AttemptResult:
        raise AssertionError("a verification calls nobody")

    async def look_up(self, account: Account, request: LookupRequest) -> LookupAnswer:
        raise AssertionError("a verification looks nothing up")


class FakeProviders:
    """A fake provider per company, by kind."""

    def __init__(self) -> None:
        self.twilio = FakeProvider(TWILIO_NUMBERS)
        self.syniverse = FakeProvider(SYNIVERSE_NUMBERS)
        self.gateway = FakeProvider(GATEWAY_NUMBERS)

    def for_kind(self, kind: Kind) -> Provider:
        fakes = {Kind.SYNIVERSE: self.syniverse, Kind.GATEWAY: self.gateway}
        return fakes.get(kind, self.twilio)

    @property
    def asked(self) -> list[Account]:
        return [*self.twilio.asked, *self.syniverse.asked]
