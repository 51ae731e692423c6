"""The gateway provider: hands messages to any HTTP service, as its administrator described it (docs/gateways.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import httpx

from providers.fault_table import Verdict, judge
from providers.faults import Fault, Outcome, Ruling, ruling
from providers.gateway_account import CheckHost, verify
from providers.gateway_request import NotBuildable, build, credentials, names_of
from providers.gateway_settings import AuthMethod, Gateway, GatewayAuthentication, GatewayRequest
from providers.gateway_tokens import Client, NoToken, TokenCache
from providers.gateway_values import sms_values, voice_values
from providers.http import ADDRESS_NOT_ALLOWED, Call, Exchange, NeverSent, call
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
from providers.voice_markup import parse
from trunkline_client.private import Token
from trunkline_client.words import Channel

#: there was no time left for the message after the token had come, or while it was waited for.
TOKEN_TOO_LATE: Final = "token_too_late"  # noqa: S105 - a code


@dataclass(frozen=True, slots=True)
class Gateways:
    """Implements `Provider` for the kind `gateway`.

    Attributes:
        client: carries the requests, to hosts that were checked only.
        check_host: checks the host of an address without sending anything.
        monotonic: returns the time, in seconds.
    """

    client: httpx.AsyncClient
    tokens: TokenCache
    check_host: CheckHost
    verify_deadline_s: float
    monotonic: Callable[[], float]

    async def send_sms(self, account: Account, request: SmsRequest) -> AttemptResult:
        """Send one SMS; never raises but `LeaseLost`."""
        gateway, settings = _settings(account, Channel.SMS)
        if settings is None:
            return refused_here(Fault.PARAMETER, "no_request")
        if unencodable(request.body):
            return refused_here(Fault.BODY, "body_not_text")
        values = sms_values(settings, request, names_of(settings))
        wished = request.sender_id is not None and request.origin.type is not OriginType.SENDER_ID
        return await self._send(account, gateway, settings, request, values, ("sender_id",) if wished else ())

    async def place_call(self, account: Account, request: VoiceRequest) -> AttemptResult:
        """Have the body spoken as plain text; never raises but `LeaseLost`."""
        gateway, settings = _settings(account, Channel.VOICE)
        if settings is None:
            return refused_here(Fault.PARAMETER, "no_request")
        if unencodable(request.body):
            return refused_here(Fault.BODY, "body_not_text")
        markup = parse(request.body.reveal())
        if markup.problems:
            return refused_here(Fault.BODY, "voice_markup")
        names = names_of(settings)
        wishes = {"locale": request.locale, "voice": request.voice}
        ignored = tuple(name for name, wish in wishes.items() if wish and name not in names)
        values = voice_values(settings, request, markup, names)
        return await self._send(account, gateway, settings, request, values, ignored)

    async def look_up(self, account: Account, request: LookupRequest) -> LookupAnswer:  # noqa: ARG002 - the protocol
        """Say that no gateway can be asked about a message."""
        return LookupAnswer(good=False, can_ask=False)

    async def verify(self, account: Account) -> VerifiedAccount:
        """Check every host, and for `oauth2` the credentials; raises a `VerificationFailed`."""
        return await verify(account, self.tokens, self.check_host, deadline_s=self.verify_deadline_s)

    async def _send(
        self,
        account: Account,
        gateway: Gateway,
        settings: GatewayRequest,
        request: SmsRequest | VoiceRequest,
        values: Mapping[str, str],
        not_honoured: tuple[str, ...],
    ) -> AttemptResult:
        ends_s = self.monotonic() + request.deadline_s

        async def hand_over(secret: Token) -> Call:
            filled = build(self.client, settings, values, credentials(gateway.authentication, secret))
            left_s = ends_s - self.monotonic()
            return await call(self.client, filled, deadline_s=left_s, before_first_byte=request.before_first_byte)

        try:
            if gateway.authentication.method is AuthMethod.OAUTH2:
                ended = await self._with_token(_client(gateway.authentication, account.token), hand_over, ends_s)
            else:
                ended = await hand_over(account.token)
        except NotBuildable:
            return refused_here(Fault.PARAMETER, "address_unfit")
        return _result(ended, request.attempt_id, not_honoured)

    async def _with_token(
        self, client: Client, hand_over: Callable[[Token], Awaitable[Call]], ends_s: float
    ) -> Call | NoToken:
        """Hand over with a token; a 401 was not processed, so it is tried once more with a new token."""
        token = await self._token(client, ends_s)
        if isinstance(token, NoToken):
            return token
        ended = await hand_over(token)
        if not isinstance(ended, Exchange) or ended.status != HTTPStatus.UNAUTHORIZED:
            return ended
        self.tokens.drop(client, token)
        again = await self._token(client, ends_s)
        return again if isinstance(again, NoToken) else await hand_over(again)

    async def _token(self, client: Client, ends_s: float) -> Token | NoToken:
        late = NoToken(ruling(Fault.UNAVAILABLE), TOKEN_TOO_LATE)
        try:
            async with asyncio.timeout(ends_s - self.monotonic()):
                token = await self.tokens.token(client)
        except TimeoutError:
            return late
        return token if self.monotonic() < ends_s else late


def _settings(account: Account, channel: Channel) -> tuple[Gateway, GatewayRequest | None]:
    if account.gateway is None:
        raise ValueError("an account of kind gateway has the settings of one")
    return account.gateway, account.gateway.request_for(channel)


def _client(authentication: GatewayAuthentication, secret: Token) -> Client:
    return Client(authentication.auth_url or "", authentication.client_id or "", secret)


def _result(ended: Call | NoToken, attempt_id: str, not_honoured: tuple[str, ...]) -> AttemptResult:
    """Return the result of a message: any 2xx is an acceptance, and its id is ours, since a gateway names none."""
    match ended:
        case NoToken():
            return AttemptResult(
                outcome=Outcome.REFUSED,
                ruling=ended.ruling,
                code=ended.code,
                http_status=ended.http_status,
                retry_after_s=ended.retry_after_s,
                not_honoured=not_honoured,
            )
        case NeverSent(code) if code == ADDRESS_NOT_ALLOWED:
            # a second try would meet the same rule
            return AttemptResult(
                outcome=Outcome.REFUSED, ruling=Ruling(Fault.UNAVAILABLE), code=code, not_honoured=not_honoured
            )
        case Exchange() if ended.is_success:
            return AttemptResult(
                outcome=Outcome.ACCEPTED,
                provider_id=attempt_id,
                http_status=ended.status,
                not_honoured=not_honoured,
            )
    return result_of(ended, id_field="", classify=_classify, not_honoured=not_honoured)


def _classify(status: int, _: object) -> Verdict:
    """Judge by the status alone: the body of a gateway's answer has no form that is known."""
    return judge({}, status, None)
