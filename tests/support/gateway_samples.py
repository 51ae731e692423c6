"""A gateway provider whose every request is answered by a function, and accounts for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from providers.gateway import Gateways
from providers.gateway_settings import AuthMethod, Gateway, GatewayAuthentication, GatewayRequest, HttpMethod
from providers.gateway_tokens import TokenCache
from providers.protocol import Account, Kind, Origin, OriginType
from tests.support.provider_samples import TOKEN, Answer
from trunkline_client.private import Token
from trunkline_client.words import Channel

AUTH_URL = "https://id.example/token"
ORIGIN = Origin(OriginType.GATEWAY, "own-gateway")
BASIC = GatewayAuthentication(AuthMethod.BASIC, username="acme")
BEARER = GatewayAuthentication(AuthMethod.BEARER)
OAUTH2 = GatewayAuthentication(AuthMethod.OAUTH2, auth_url=AUTH_URL, client_id="acme client")
CUSTOM_HEADER = GatewayAuthentication(AuthMethod.CUSTOM_HEADER, header="X-Key")

JSON_SMS = GatewayRequest(
    Channel.SMS,
    HttpMethod.POST,
    "https://gw.example/sms",
    headers=(("Content-Type", "application/json"), ("X-Brand", "Acme")),
    body='{"to": "${to}", "text": "${message}", "code": "${otp}"}',
)
FORM_SMS = GatewayRequest(
    Channel.SMS,
    HttpMethod.POST,
    "https://gw.example/sms",
    headers=(("content-type", "application/x-www-form-urlencoded"),),
    body="to=${to}&text=${message}",
)
GET_VOICE = GatewayRequest(Channel.VOICE, HttpMethod.GET, "https://gw.example/call?to=${to}&text=${message}")


def account(authentication: GatewayAuthentication = BEARER, *requests: GatewayRequest, secret: str = TOKEN) -> Account:
    gateway = Gateway(authentication, requests or (JSON_SMS, GET_VOICE))
    return Account(Kind.GATEWAY, Token(secret), gateway=gateway)


@dataclass
class FakeGateway:
    """Answers every request from a function, and keeps what it was asked."""

    answer: Callable[[httpx.Request], Answer]
    now_s: float = 1000.0
    requests: list[httpx.Request] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    refusal: Exception | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        given = self.answer(request)
        if isinstance(given, Exception):
            raise given
        return given

    def provider(self) -> Gateways:
        client = httpx.AsyncClient(transport=httpx.MockTransport(self))
        tokens = TokenCache(client, deadline_s=5, monotonic=lambda: self.now_s, most=2)
        return Gateways(client, tokens, self.check, 5, lambda: self.now_s)

    async def check(self, url: httpx.URL) -> None:
        self.checked.append(url.host)
        if self.refusal is not None:
            raise self.refusal


def answering(status: int, headers: Mapping[str, str] | None = None) -> FakeGateway:
    return FakeGateway(lambda request: httpx.Response(status, headers=headers))


def token_answer(token: str = "t1", **fields: Any) -> httpx.Response:
    return httpx.Response(200, json={"access_token": token, "token_type": "Bearer", "expires_in": 3600, **fields})
