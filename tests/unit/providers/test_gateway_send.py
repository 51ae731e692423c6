from __future__ import annotations

import base64
import json
from dataclasses import replace
from urllib.parse import parse_qsl

import httpx
import pytest

from providers.faults import Fault, Outcome
from providers.gateway_hosts import AddressNotAllowed
from providers.gateway_settings import GatewayAuthentication
from providers.protocol import HostNotAllowed, LookupAnswer, ProviderUnreachable
from providers.variables import Variables
from tests.support.gateway_samples import (
    BASIC,
    BEARER,
    CUSTOM_HEADER,
    FORM_SMS,
    GET_VOICE,
    JSON_SMS,
    ORIGIN,
    FakeGateway,
    account,
    answering,
)
from tests.support.provider_samples import TOKEN, lookup, sms, voice

BODY = 'Your "code" is 481516 & good\\'


async def test_a_json_body_holds_the_message() -> None:
    fake = answering(202)
    result = await fake.provider().send_sms(account(), sms(ORIGIN, BODY))

    assert (result.outcome, result.provider_id, result.http_status) == (Outcome.ACCEPTED, "job-1.1", 202)
    (request,) = fake.requests
    assert (request.method, str(request.url)) == ("POST", "https://gw.example/sms")
    assert json.loads(request.content) == {"to": "+12015550123", "text": BODY, "code": "481516"}
    assert (request.headers["content-type"], request.headers["x-brand"]) == ("application/json", "Acme")


async def test_a_form_body_holds_the_message() -> None:
    fake = answering(200)
    await fake.provider().send_sms(account(BEARER, FORM_SMS), sms(ORIGIN, BODY))

    assert parse_qsl(fake.requests[0].content.decode()) == [("to", "+12015550123"), ("text", BODY)]


async def test_a_get_holds_the_message_in_its_query_and_speaks_plain_text() -> None:
    fake = answering(200)
    result = await fake.provider().place_call(account(), voice(ORIGIN, "Hi<pause1sec> it is 4815", "en-GB", "Alice"))

    (request,) = fake.requests
    assert (request.method, request.content) == ("GET", b"")
    assert dict(request.url.params) == {"to": "+12015550123", "text": "Hi, it is 4 8 1 5"}
    assert result.not_honoured == ("locale", "voice")


async def test_wishes_that_the_request_has_a_place_for_are_honoured() -> None:
    url = f"{GET_VOICE.url}&voice=${{voice}}&locale=${{locale}}"
    fake = answering(200)
    result = await fake.provider().place_call(
        account(BEARER, replace(GET_VOICE, url=url)), voice(ORIGIN, "Hi", "en-GB", "Alice")
    )

    assert fake.requests[0].url.params["locale"] == "en-GB"
    assert result.not_honoured == ()


async def test_a_sender_id_that_was_not_used_is_reported() -> None:
    result = await answering(200).provider().send_sms(account(), sms(ORIGIN, sender_id="Acme"))

    assert result.not_honoured == ("sender_id",)


@pytest.mark.parametrize(
    ("authentication", "header", "value"),
    [
        (BASIC, "authorization", f"Basic {base64.b64encode(f'acme:{TOKEN}'.encode()).decode()}"),
        (BEARER, "authorization", f"Bearer {TOKEN}"),
        (CUSTOM_HEADER, "x-key", TOKEN),
    ],
)
async def test_each_method_carries_the_secret_its_own_way(
    authentication: GatewayAuthentication, header: str, value: str
) -> None:
    fake = answering(200)
    await fake.provider().send_sms(account(authentication), sms(ORIGIN))

    assert fake.requests[0].headers[header] == value


@pytest.mark.parametrize(
    ("status", "outcome", "fault", "retry"),
    [
        (200, Outcome.ACCEPTED, None, None),
        (204, Outcome.ACCEPTED, None, None),
        (302, Outcome.UNKNOWN, None, None),
        (400, Outcome.REFUSED, Fault.PARAMETER, False),
        (401, Outcome.REFUSED, Fault.AUTH, False),
        (402, Outcome.REFUSED, Fault.ACCOUNT, False),
        (403, Outcome.REFUSED, Fault.AUTH, False),
        (404, Outcome.REFUSED, Fault.PARAMETER, False),
        (429, Outcome.REFUSED, Fault.THROTTLED, True),
        (500, Outcome.UNKNOWN, None, None),
        (503, Outcome.UNKNOWN, None, None),
    ],
)
async def test_the_status_alone_says_how_a_message_fared(
    status: int, outcome: Outcome, fault: Fault | None, retry: bool | None
) -> None:
    result = await answering(status, {"location": "https://other.example/"}).provider().send_sms(account(), sms(ORIGIN))

    assert (result.outcome, result.fault, result.http_status) == (outcome, fault, status)
    assert (result.ruling.retry if result.ruling else None) == retry


async def test_a_gateway_that_says_later_is_asked_no_sooner() -> None:
    result = await answering(429, {"retry-after": "7"}).provider().send_sms(account(), sms(ORIGIN))

    assert result.retry_after_s == 7


@pytest.mark.parametrize(
    ("error", "outcome", "fault", "code", "retry"),
    [
        (httpx.ConnectError("x"), Outcome.REFUSED, Fault.UNAVAILABLE, "connect_failed", True),
        (AddressNotAllowed("x"), Outcome.REFUSED, Fault.UNAVAILABLE, "address_not_allowed", False),
        (httpx.ReadTimeout("x"), Outcome.UNKNOWN, None, "read_timeout", None),
    ],
)
async def test_a_call_without_an_answer_is_never_sent_or_in_doubt(
    error: Exception, outcome: Outcome, fault: Fault | None, code: str, retry: bool | None
) -> None:
    result = await FakeGateway(lambda request: error).provider().send_sms(account(), sms(ORIGIN))

    assert (result.outcome, result.fault, result.code) == (outcome, fault, code)
    assert (result.ruling.retry if result.ruling else None) == retry


@pytest.mark.parametrize(
    ("request_", "body", "fault", "code"),
    [
        (JSON_SMS, "half \ud83d", Fault.BODY, "body_not_text"),
        (replace(JSON_SMS, url="https://gw.example/${otp}/x"), "no code", None, None),
        (replace(JSON_SMS, url="https://gw.example/${who}/x"), "x", Fault.PARAMETER, "address_unfit"),
        (
            replace(JSON_SMS, url="https://gw.example/?" + "${message}" * 50),
            "é" * 1600,
            Fault.PARAMETER,
            "address_unfit",
        ),
        (replace(JSON_SMS, url="https://xn--a/"), "x", Fault.PARAMETER, "address_unfit"),
        (GET_VOICE, "x", Fault.PARAMETER, "no_request"),
    ],
)
async def test_what_fits_into_no_request_is_refused_without_a_call(
    request_: object, body: str, fault: Fault | None, code: str | None
) -> None:
    fake = answering(200)
    asked = replace(sms(ORIGIN, body), variables=Variables({"who": ".."}))
    result = await fake.provider().send_sms(account(BEARER, request_), asked)  # type: ignore[arg-type]

    assert (result.fault, result.code) == (fault, code)
    assert len(fake.requests) == (0 if fault else 1)


async def test_a_spoken_text_with_bad_markup_is_refused_without_a_call() -> None:
    fake = answering(200)
    result = await fake.provider().place_call(account(), voice(ORIGIN, "<repeatMessage>x"))

    assert (result.fault, result.code, fake.requests) == (Fault.BODY, "voice_markup", [])


async def test_a_gateway_can_never_be_asked_about_a_message() -> None:
    assert await answering(200).provider().look_up(account(), lookup()) == LookupAnswer(good=False, can_ask=False)


async def test_a_verification_checks_every_host_and_sends_nothing() -> None:
    fake = answering(200)
    elsewhere = replace(GET_VOICE, url="https://voice.example/${to}/${message}")

    assert (await fake.provider().verify(account(BASIC, JSON_SMS, elsewhere))).numbers == ()
    assert (fake.checked, fake.requests) == (["gw.example", "voice.example"], [])


@pytest.mark.parametrize(
    ("refusal", "kind", "text"),
    [
        (AddressNotAllowed("the host has an address that is not public"), HostNotAllowed, "GATEWAY_PRIVATE_HOSTS"),
        (OSError("no such name"), ProviderUnreachable, "gw.example has no address"),
        (TimeoutError(), ProviderUnreachable, "gw.example has no address"),
    ],
)
async def test_a_host_that_cannot_be_reached_fails_the_verification(
    refusal: Exception, kind: type[Exception], text: str
) -> None:
    fake = answering(200)
    fake.refusal = refusal

    with pytest.raises(kind, match=text):
        await fake.provider().verify(account())


async def test_a_host_in_broken_punycode_fails_the_verification() -> None:
    with pytest.raises(HostNotAllowed, match="xn--a is no valid name in Punycode"):
        await answering(200).provider().verify(account(BEARER, replace(JSON_SMS, url="https://xn--a/sms")))
