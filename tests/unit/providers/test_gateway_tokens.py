from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable

import httpx
import pytest

from providers.faults import Fault, Outcome
from providers.gateway_hosts import AddressNotAllowed
from providers.gateway_tokens import Client, TokenCache
from providers.protocol import HostNotAllowed, ProviderUnreachable, WrongCredentials
from tests.support.gateway_samples import AUTH_URL, OAUTH2, ORIGIN, FakeGateway, account, token_answer
from tests.support.provider_samples import Answer, sms
from trunkline_client.private import Token

OURS = account(OAUTH2, secret="s3cret+/=")


class Service:
    """A token endpoint that numbers its tokens, and a gateway that takes those in `good`."""

    def __init__(self, *, good: Callable[[str], bool] = lambda token: True, **fields: object) -> None:
        self.given = 0
        self.good = good
        self.fields = fields

    def __call__(self, request: httpx.Request) -> Answer:
        if str(request.url) == AUTH_URL:
            self.given += 1
            return token_answer(f"t{self.given}", **self.fields)
        return httpx.Response(200 if self.good(request.headers["authorization"].removeprefix("Bearer ")) else 401)


async def test_a_token_is_asked_for_with_client_credentials() -> None:
    fake = FakeGateway(Service())
    result = await fake.provider().send_sms(OURS, sms(ORIGIN))

    asked, sent = fake.requests
    encoded = base64.b64encode(b"acme+client:s3cret%2B%2F%3D").decode()
    assert (asked.headers["authorization"], asked.content) == (f"Basic {encoded}", b"grant_type=client_credentials")
    assert sent.headers["authorization"] == "Bearer t1"
    assert result.outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("expires_in", "later_s", "given"),
    [(3600, 3569, 1), (3600, 3570, 2), ("3600", 3569, 1), (30, 0, 2), (None, 269, 1), (None, 270, 2), ("soon", 270, 2)],
)
async def test_a_token_is_kept_until_shortly_before_its_end(expires_in: object, later_s: float, given: int) -> None:
    service = Service(expires_in=expires_in)
    fake = FakeGateway(service)
    provider = fake.provider()
    await provider.send_sms(OURS, sms(ORIGIN))
    fake.now_s += later_s
    await provider.send_sms(OURS, sms(ORIGIN))

    assert service.given == given


async def test_concurrent_messages_share_one_request_for_a_token() -> None:
    service = Service()
    provider = FakeGateway(service).provider()
    results = await asyncio.gather(*(provider.send_sms(OURS, sms(ORIGIN)) for _ in range(20)))

    assert {result.outcome for result in results} == {Outcome.ACCEPTED}
    assert service.given == 1


async def test_who_stops_waiting_for_a_token_does_not_take_it_from_the_others() -> None:
    tokens = FakeGateway(Service()).provider().tokens
    client = Client(AUTH_URL, "a", Token("s"))
    first, second = asyncio.create_task(tokens.token(client)), asyncio.create_task(tokens.token(client))
    await asyncio.sleep(0)
    first.cancel()

    assert await second == Token("t1")


async def test_a_refused_token_is_replaced_once() -> None:
    service = Service(good=lambda token: token != "t1")
    fake = FakeGateway(service)
    provider = fake.provider()
    result = await provider.send_sms(OURS, sms(ORIGIN))
    again = await provider.send_sms(OURS, sms(ORIGIN))

    assert (result.outcome, again.outcome) == (Outcome.ACCEPTED, Outcome.ACCEPTED)
    assert service.given == 2
    assert [request.headers["authorization"] for request in fake.requests if request.url.host == "gw.example"] == [
        "Bearer t1",
        "Bearer t2",
        "Bearer t2",
    ]


async def test_a_gateway_that_refuses_every_token_is_tried_twice_and_no_more() -> None:
    fake = FakeGateway(Service(good=lambda token: False))
    result = await fake.provider().send_sms(OURS, sms(ORIGIN))

    assert (result.outcome, result.fault) == (Outcome.REFUSED, Fault.AUTH)
    assert len(fake.requests) == 4


def refusing(status: int, body: object = None, headers: dict[str, str] | None = None) -> Callable[..., Answer]:
    return lambda request: httpx.Response(status, json=body, headers=headers)


@pytest.mark.parametrize(
    ("answer", "fault", "code", "retry"),
    [
        (refusing(401, {"error": "invalid_client"}), Fault.AUTH, "token_invalid_client", False),
        (refusing(400, {"error": "free text of 481516"}), Fault.AUTH, "token_http_400", False),
        (refusing(429, headers={"retry-after": "3"}), Fault.THROTTLED, "token_http_429", True),
        (refusing(500), Fault.UNAVAILABLE, "token_http_500", True),
        (refusing(302, headers={"location": "https://x"}), Fault.UNAVAILABLE, "token_http_302", True),
        (refusing(200, {"access_token": ""}), Fault.AUTH, "token_missing", False),
        (refusing(200, {"access_token": "a\r\nb"}), Fault.AUTH, "token_missing", False),
        (refusing(200, ["t"]), Fault.AUTH, "token_missing", False),
        (lambda request: httpx.ReadTimeout("x"), Fault.UNAVAILABLE, "token_read_timeout", True),
        (lambda request: httpx.ConnectError("x"), Fault.UNAVAILABLE, "token_connect_failed", True),
        (lambda request: AddressNotAllowed("x"), Fault.UNAVAILABLE, "address_not_allowed", False),
    ],
)
async def test_without_a_token_nothing_has_left_us(
    answer: Callable[[httpx.Request], Answer], fault: Fault, code: str, retry: bool
) -> None:
    fake = FakeGateway(answer)
    result = await fake.provider().send_sms(OURS, sms(ORIGIN))

    assert (result.outcome, result.fault, result.code) == (Outcome.REFUSED, fault, code)
    assert result.ruling is not None
    assert result.ruling.retry is retry
    assert len(fake.requests) == 1


async def test_a_token_that_comes_too_late_sends_nothing() -> None:
    fake = FakeGateway(Service())

    def slow(request: httpx.Request) -> Answer:
        fake.now_s += 60
        return token_answer()

    fake.answer = slow
    result = await fake.provider().send_sms(OURS, sms(ORIGIN))

    assert (result.outcome, result.fault, result.code) == (Outcome.REFUSED, Fault.UNAVAILABLE, "token_too_late")
    assert len(fake.requests) == 1


async def test_the_least_recently_used_token_makes_room() -> None:
    service = Service()
    tokens: TokenCache = FakeGateway(service).provider().tokens
    one, two, three = (Client(AUTH_URL, name, Token("s")) for name in "abc")
    for client in (one, two, one, three, one):
        assert isinstance(await tokens.token(client), Token)
    assert service.given == 3
    await tokens.token(two)

    assert service.given == 4


async def test_a_token_of_another_secret_is_another_token() -> None:
    service = Service()
    provider = FakeGateway(service).provider()
    await provider.send_sms(OURS, sms(ORIGIN))
    await provider.send_sms(account(OAUTH2, secret="other"), sms(ORIGIN))

    assert service.given == 2


async def test_a_verification_fetches_a_token() -> None:
    fake = FakeGateway(Service())
    await fake.provider().verify(OURS)

    assert [str(request.url) for request in fake.requests] == [AUTH_URL]
    assert fake.checked == ["gw.example", "gw.example", "id.example"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusing(401), WrongCredentials),
        (refusing(503), ProviderUnreachable),
        (lambda request: AddressNotAllowed("x"), HostNotAllowed),
    ],
)
async def test_a_verification_says_why_there_is_no_token(
    answer: Callable[[httpx.Request], Answer], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        await FakeGateway(answer).provider().verify(OURS)


def test_the_secret_of_a_client_does_not_show() -> None:
    assert "s3cret" not in repr(Client(AUTH_URL, "a", Token("s3cret")))
