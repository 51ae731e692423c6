"""What we send to Twilio agrees with Twilio's own description of its API."""

from __future__ import annotations

from urllib.parse import parse_qs

import httpx
import pytest

from providers.protocol import Kind
from tests.support.provider_samples import (
    SENDER_ID,
    SERVICE,
    SERVICE_SID,
    TWILIO,
    TWILIO_SERVICE,
    FakeProvider,
    answer,
    lookup,
    sms,
    voice,
)
from tests.support.twilio_openapi import check_request
from trunkline_client.words import Channel

LISTS = ("messages", "calls", "incoming_phone_numbers", "short_codes")


def problems(request: httpx.Request) -> list[str]:
    text = request.content.decode() or request.url.query.decode()
    return check_request(request.method, request.url.path, parse_qs(text, keep_blank_values=True))


def list_or_account(request: httpx.Request) -> httpx.Response:
    if request.url.path.endswith("/Services"):
        return answer(200, {"services": [{"sid": SERVICE_SID}], "meta": {"next_page_url": None}})
    return answer(200, {"status": "active", **{key: [] for key in LISTS}, "short_codes": [{"short_code": "88022"}]})


@pytest.mark.parametrize("request_", [sms(), sms(SENDER_ID), sms(SERVICE), sms(body="é\n" * 800)])
async def test_a_message_is_created_as_described(request_: object) -> None:
    fake = FakeProvider(lambda request: answer(500))
    await fake.provider(Kind.TWILIO).send_sms(TWILIO, request_)  # type: ignore[arg-type]
    assert [problems(request) for request in fake.requests] == [[]]


@pytest.mark.parametrize("request_", [voice(), voice(body="Hi <pause1sec> 4815", locale="tr-TR", voice="Woman")])
async def test_a_call_is_created_as_described(request_: object) -> None:
    fake = FakeProvider(lambda request: answer(500))
    await fake.provider(Kind.TWILIO).place_call(TWILIO, request_)  # type: ignore[arg-type]
    assert [problems(request) for request in fake.requests] == [[]]


@pytest.mark.parametrize(
    "request_", [lookup(), lookup(origin=SERVICE), lookup(Channel.VOICE)], ids=["number", "service", "call"]
)
async def test_a_lookup_asks_as_described(request_: object) -> None:
    fake = FakeProvider(list_or_account)
    await fake.provider(Kind.TWILIO).look_up(TWILIO, request_)  # type: ignore[arg-type]
    assert [problems(request) for request in fake.requests] == [[]]


async def test_a_verification_asks_as_described() -> None:
    fake = FakeProvider(list_or_account)
    await fake.provider(Kind.TWILIO).verify(TWILIO_SERVICE)
    assert [problems(request) for request in fake.requests] == [[]] * 5


async def test_the_check_would_notice_a_wrong_request() -> None:
    fake = FakeProvider(lambda request: answer(500))
    await fake.provider(Kind.TWILIO).send_sms(TWILIO, sms())
    url = fake.requests[0].url
    assert problems(httpx.Request("POST", url, data={"To": "+1", "Foo": "x"}))
