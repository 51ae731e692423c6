"""The gateway provider against the simulated gateway, over real sockets: each authentication, each form of request."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterator

import pytest

from providers.faults import Fault, Outcome
from providers.gateway_hosts import HostRules
from providers.gateway_settings import AuthMethod, Gateway, GatewayAuthentication, GatewayRequest, HttpMethod
from providers.protocol import Account, HostNotAllowed, Kind, Provider, WrongCredentials
from providers.registry import Endpoints, GatewayAccess, Providers
from providers.simulators.default_world import GATEWAY_NAME, GATEWAY_SECRET
from providers.simulators.faults import FaultKind, FaultPlan
from providers.simulators.gateway.access import KEY_HEADER
from tests.support.gateway_samples import ORIGIN
from tests.support.provider_samples import NUMBER, sms, voice
from tests.support.simulator import Simulator, simulator
from trunkline_client.private import Token
from trunkline_client.words import Channel

pytestmark = pytest.mark.integration

BASIC = GatewayAuthentication(AuthMethod.BASIC, username=GATEWAY_NAME)
BEARER = GatewayAuthentication(AuthMethod.BEARER)
OAUTH2 = GatewayAuthentication(AuthMethod.OAUTH2, auth_url="token", client_id=GATEWAY_NAME)
CUSTOM_HEADER = GatewayAuthentication(AuthMethod.CUSTOM_HEADER, header=KEY_HEADER)
JSON = (("content-type", "application/json"),)
FORM = (("content-type", "application/x-www-form-urlencoded"),)
QUERY = "to=${to}&message=${message}&from=${from}&otp=${otp}"
JSON_BODY = '{"to": "${to}", "message": "${message}", "from": "${from}"}'
TEXT = 'Your "code" & more: 481516 é\\'


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with simulator() as running:
        yield running


@pytest.fixture
def simulators(server: Simulator) -> Simulator:
    server.renew()
    return server


@pytest.fixture
async def provider(simulators: Simulator) -> AsyncIterator[Provider]:
    opened = Providers(Endpoints(), gateways=GatewayAccess(HostRules.read("127.0.0.1")))
    yield opened.for_kind(Kind.GATEWAY)
    await opened.aclose()


def account(
    simulators: Simulator,
    authentication: GatewayAuthentication,
    *requests: GatewayRequest,
    secret: str = GATEWAY_SECRET,
) -> Account:
    base = f"{simulators.base_url}/gateway/{GATEWAY_NAME}/"
    placed = tuple(dataclasses.replace(request, url=base + request.url) for request in requests or SMS_FORMS)
    if authentication.auth_url:
        authentication = dataclasses.replace(authentication, auth_url=base + authentication.auth_url)
    return Account(Kind.GATEWAY, Token(secret), gateway=Gateway(authentication, placed))


SMS_JSON = GatewayRequest(Channel.SMS, HttpMethod.POST, "sms", JSON, JSON_BODY)
SMS_FORM = GatewayRequest(Channel.SMS, HttpMethod.POST, "sms", FORM, QUERY)
SMS_GET = GatewayRequest(Channel.SMS, HttpMethod.GET, f"sms?{QUERY}")
VOICE_GET = GatewayRequest(Channel.VOICE, HttpMethod.GET, f"voice?{QUERY}")
SMS_FORMS = (SMS_JSON,)


@pytest.mark.parametrize("authentication", [BASIC, BEARER, OAUTH2, CUSTOM_HEADER], ids=lambda one: one.method)
@pytest.mark.parametrize("request_", [SMS_JSON, SMS_FORM, SMS_GET], ids=["json", "form", "get"])
async def test_a_message_arrives_word_for_word(
    simulators: Simulator, provider: Provider, authentication: GatewayAuthentication, request_: GatewayRequest
) -> None:
    sent = await provider.send_sms(account(simulators, authentication, request_), sms(NUMBER, TEXT))

    assert (sent.outcome, sent.provider_id) == (Outcome.ACCEPTED, "job-1.1")
    (entry,) = simulators.control.ledger().entries
    assert (entry.provider, entry.account, entry.channel) == ("gateway", GATEWAY_NAME, "sms")
    assert (entry.to, entry.sender, entry.body) == ("+12015550123", NUMBER.value, TEXT)


async def test_a_call_arrives_as_plain_text(simulators: Simulator, provider: Provider) -> None:
    await provider.place_call(account(simulators, BEARER, VOICE_GET), voice(ORIGIN, "Code 4815<pause1sec>"))

    (entry,) = simulators.control.ledger().entries
    assert (entry.channel, entry.sender, entry.body) == ("voice", None, "Code 4 8 1 5,")


@pytest.mark.parametrize("authentication", [BASIC, BEARER, OAUTH2, CUSTOM_HEADER], ids=lambda one: one.method)
async def test_a_wrong_secret_is_a_fault_of_the_sender(
    simulators: Simulator, provider: Provider, authentication: GatewayAuthentication
) -> None:
    sent = await provider.send_sms(account(simulators, authentication, secret="wrong"), sms(ORIGIN))

    assert (sent.outcome, sent.fault) == (Outcome.REFUSED, Fault.AUTH)
    assert simulators.control.ledger().total == 0


async def test_one_token_serves_many_messages(simulators: Simulator, provider: Provider) -> None:
    for _ in range(3):
        await provider.send_sms(account(simulators, OAUTH2), sms(ORIGIN))

    requests = simulators.control.ledger().requests
    assert (requests["gateway token.create"], requests["gateway sms.create"]) == (1, 3)


async def test_a_token_that_the_gateway_no_longer_takes_is_replaced(simulators: Simulator, provider: Provider) -> None:
    await provider.send_sms(account(simulators, OAUTH2), sms(ORIGIN))
    simulators.control.arm(FaultPlan(kind=FaultKind.ANSWER, provider="gateway", status=401, times=1))
    sent = await provider.send_sms(account(simulators, OAUTH2), sms(ORIGIN))

    assert sent.outcome is Outcome.ACCEPTED
    assert simulators.control.ledger().requests["gateway token.create"] == 2


@pytest.mark.parametrize(
    ("plan", "outcome", "fault"),
    [
        (FaultPlan(kind=FaultKind.ANSWER, status=429, retry_after_s=2), Outcome.REFUSED, Fault.THROTTLED),
        (FaultPlan(kind=FaultKind.ANSWER, status=502), Outcome.UNKNOWN, None),
        (FaultPlan(kind=FaultKind.RESET, accept_first=True), Outcome.UNKNOWN, None),
        (FaultPlan(kind=FaultKind.JUNK, status=200, accept_first=True), Outcome.ACCEPTED, None),
    ],
)
async def test_what_goes_wrong_is_told_apart(
    simulators: Simulator, provider: Provider, plan: FaultPlan, outcome: Outcome, fault: Fault | None
) -> None:
    simulators.control.arm(plan)
    sent = await provider.send_sms(account(simulators, BASIC), sms(ORIGIN))

    assert (sent.outcome, sent.fault) == (outcome, fault)


async def test_a_verification_tries_client_credentials_and_sends_no_message(
    simulators: Simulator, provider: Provider
) -> None:
    await provider.verify(account(simulators, OAUTH2))
    with pytest.raises(WrongCredentials, match="token_invalid_client"):
        await provider.verify(account(simulators, OAUTH2, secret="wrong"))

    assert simulators.control.ledger().requests == {"gateway token.create": 2}


async def test_without_the_setting_the_simulator_is_no_host_for_a_gateway(simulators: Simulator) -> None:
    opened = Providers(Endpoints())
    provider = opened.for_kind(Kind.GATEWAY)
    sent = await provider.send_sms(account(simulators, BEARER), sms(ORIGIN))
    with pytest.raises(HostNotAllowed, match="TRUNKLINE_GATEWAY_PRIVATE_HOSTS"):
        await provider.verify(account(simulators, BEARER))
    await opened.aclose()

    assert (sent.outcome, sent.fault, sent.code) == (Outcome.REFUSED, Fault.UNAVAILABLE, "address_not_allowed")
    assert sent.ruling is not None
    assert not sent.ruling.retry
    assert simulators.control.ledger().requests == {}
