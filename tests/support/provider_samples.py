"""Accounts, requests and answers of providers for tests; every number and token is made up."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qs

import httpx

from providers.protocol import (
    Account,
    Kind,
    LookupRequest,
    Origin,
    OriginType,
    Provider,
    SmsRequest,
    VoiceRequest,
)
from providers.registry import Endpoints, Providers
from trunkline_client.private import Body, Recipient, Token
from trunkline_client.words import Channel

ACCOUNT_SID = "AC" + "0" * 32
SERVICE_SID = "MG" + "1" * 32
MESSAGE_SID = "SM" + "2" * 32
CALL_SID = "CA" + "3" * 32
TOKEN = "made-up-token"
TO = "+12015550123"
FROM = "+14155550199"
ATTEMPT_AT = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)

TWILIO = Account(Kind.TWILIO, Token(TOKEN), account_sid=ACCOUNT_SID)
TWILIO_SERVICE = Account(
    Kind.TWILIO_MESSAGING_SERVICE, Token(TOKEN), account_sid=ACCOUNT_SID, messaging_service_sid=SERVICE_SID
)
SYNIVERSE = Account(Kind.SYNIVERSE, Token(TOKEN))

NUMBER = Origin(OriginType.NUMBER, FROM)
SENDER_ID = Origin(OriginType.SENDER_ID, "Acme")
SERVICE = Origin(OriginType.MESSAGING_SERVICE, SERVICE_SID)
CHANNEL = Origin(OriginType.ORIGINATOR, "channel:1KJPMkuHQkair")


EXPIRES_AT_MS = 1_800_000_300_000


def sms(origin: Origin = NUMBER, body: str = "Your code is 481516", sender_id: str | None = None) -> SmsRequest:
    return SmsRequest(
        attempt_id="job-1.1",
        to=Recipient(TO),
        body=Body(body),
        origin=origin,
        validity_s=300,
        expires_at_ms=EXPIRES_AT_MS,
        deadline_s=5.0,
        sender_id=sender_id,
        before_first_byte=lambda: None,
    )


def voice(
    origin: Origin = NUMBER, body: str = "Your code is 481516", locale: str | None = None, voice: str | None = None
) -> VoiceRequest:
    return VoiceRequest(
        attempt_id="job-1.1",
        to=Recipient(TO),
        body=Body(body),
        origin=origin,
        locale=locale,
        voice=voice,
        ring_timeout_s=45,
        validity_s=300,
        expires_at_ms=EXPIRES_AT_MS,
        deadline_s=5.0,
        before_first_byte=lambda: None,
    )


def lookup(channel: Channel = Channel.SMS, origin: Origin = NUMBER, body: str = "Your code is 481516") -> LookupRequest:
    return LookupRequest(
        attempt_id="job-1.1",
        channel=channel,
        to=Recipient(TO),
        body=Body(body),
        origin=origin,
        not_before=ATTEMPT_AT,
        deadline_s=5.0,
    )


Answer = httpx.Response | Exception


def answer(status: int, body: object = None, headers: Mapping[str, str] | None = None) -> httpx.Response:
    return httpx.Response(status, content=json.dumps(body).encode(), headers=headers)


@dataclass
class FakeProvider:
    """A provider that answers from a function or a list, and keeps what it was asked."""

    answers: Callable[[httpx.Request], Answer] | list[Answer]
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        given = self.answers.pop(0) if isinstance(self.answers, list) else self.answers(request)
        if isinstance(given, Exception):
            raise given
        return given

    @property
    def forms(self) -> list[dict[str, list[str]]]:
        """The decoded forms of the requests."""
        return [parse_qs(request.content.decode(), strict_parsing=True) for request in self.requests]

    def provider(self, kind: Kind) -> Provider:
        """A provider whose every request comes here."""
        return Providers(Endpoints(), transport=httpx.MockTransport(self)).for_kind(kind)
