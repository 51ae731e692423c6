from __future__ import annotations

from base64 import b64encode

import httpx
import pytest

from providers.faults import Fault, Outcome, Ruling, ruling
from providers.protocol import AttemptResult, Kind, LeaseLost
from tests.support.provider_samples import (
    ACCOUNT_SID,
    CALL_SID,
    FROM,
    MESSAGE_SID,
    SENDER_ID,
    SERVICE,
    SERVICE_SID,
    TO,
    TOKEN,
    TWILIO,
    TWILIO_SERVICE,
    Answer,
    FakeProvider,
    answer,
    sms,
    voice,
)

ACCEPTED = answer(201, {"sid": MESSAGE_SID, "status": "queued"}, {"Twilio-Request-Id": "RQ1"})


async def result_of(given: Answer) -> AttemptResult:
    return await FakeProvider([given]).provider(Kind.TWILIO).send_sms(TWILIO, sms())


async def test_an_sms_is_one_form_to_the_account() -> None:
    fake = FakeProvider([ACCEPTED])
    await fake.provider(Kind.TWILIO).send_sms(TWILIO, sms())
    (request,) = fake.requests
    assert (request.method, str(request.url)) == (
        "POST",
        f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json",
    )
    assert fake.forms == [{"To": [TO], "From": [FROM], "Body": ["Your code is 481516"], "ValidityPeriod": ["300"]}]


async def test_credentials_travel_as_basic_auth_and_the_agent_is_named() -> None:
    fake = FakeProvider([ACCEPTED])
    await fake.provider(Kind.TWILIO).send_sms(TWILIO, sms())
    headers = fake.requests[0].headers
    assert headers["authorization"] == f"Basic {b64encode(f'{ACCOUNT_SID}:{TOKEN}'.encode()).decode()}"
    assert headers["user-agent"].startswith("trunkline/")
    assert headers["accept-encoding"] == "identity"


async def test_a_messaging_service_sends_without_a_from() -> None:
    fake = FakeProvider([ACCEPTED])
    await fake.provider(Kind.TWILIO_MESSAGING_SERVICE).send_sms(TWILIO_SERVICE, sms(SERVICE))
    assert fake.forms[0].get("MessagingServiceSid") == [SERVICE_SID]
    assert "From" not in fake.forms[0]


async def test_a_sender_id_is_the_from() -> None:
    fake = FakeProvider([ACCEPTED])
    result = await fake.provider(Kind.TWILIO).send_sms(TWILIO, sms(SENDER_ID, sender_id="Acme"))
    assert fake.forms[0]["From"] == ["Acme"]
    assert result.not_honoured == ()


async def test_a_sender_id_that_gave_way_to_a_number_is_reported() -> None:
    fake = FakeProvider([ACCEPTED])
    result = await fake.provider(Kind.TWILIO).send_sms(TWILIO, sms(sender_id="Acme"))
    assert result.not_honoured == ("sender_id",)


@pytest.mark.parametrize("status", [200, 201])
async def test_a_success_with_a_sid_is_accepted(status: int) -> None:
    result = await result_of(answer(status, {"sid": MESSAGE_SID}, {"Twilio-Request-Id": "RQ1"}))
    assert result == AttemptResult(
        outcome=Outcome.ACCEPTED, provider_id=MESSAGE_SID, http_status=status, request_id="RQ1"
    )


@pytest.mark.parametrize(
    "given",
    [
        answer(201, {}),
        answer(201, {"sid": ""}),
        answer(201, {"sid": 7}),
        answer(200, None),
        answer(204),
        httpx.Response(201, content=b"<html>"),
        answer(302, {"sid": MESSAGE_SID}),
        answer(500, {"code": 20500}),
        httpx.Response(502, content=b"Bad Gateway"),
        httpx.ReadTimeout("x"),
        httpx.ReadError("x"),
        httpx.RemoteProtocolError("x"),
    ],
    ids=str,
)
async def test_anything_between_yes_and_no_is_unknown(given: Answer) -> None:
    result = await result_of(given)
    assert (result.outcome, result.ruling, result.provider_id) == (Outcome.UNKNOWN, None, None)
    assert result.code


async def test_a_refusal_carries_its_ruling_and_what_support_needs() -> None:
    headers = {"Twilio-Request-Id": "RQ1", "Retry-After": "2"}
    result = await result_of(answer(429, {"code": 21611, "message": "queue"}, headers))
    assert result == AttemptResult(
        outcome=Outcome.REFUSED,
        ruling=Ruling(Fault.THROTTLED, retry=True, another_number=True),
        code="21611",
        http_status=429,
        retry_after_s=2.0,
        request_id="RQ1",
    )


@pytest.mark.parametrize(
    ("error", "code"), [(httpx.ConnectError("x"), "connect_failed"), (httpx.ConnectTimeout("x"), "connect_timeout")]
)
async def test_a_request_that_never_left_is_unavailable(error: Exception, code: str) -> None:
    result = await result_of(error)
    assert result == AttemptResult(outcome=Outcome.REFUSED, ruling=ruling(Fault.UNAVAILABLE), code=code)


async def test_a_lost_lease_goes_through() -> None:
    with pytest.raises(LeaseLost):
        await result_of(LeaseLost("the lease ran out"))


async def test_half_a_character_is_refused_without_a_call() -> None:
    fake = FakeProvider([])
    result = await fake.provider(Kind.TWILIO).send_sms(TWILIO, sms(body="\ud83d"))
    assert (result.fault, result.code, fake.requests) == (Fault.BODY, "body_not_text", [])


async def test_a_call_speaks_inline_twiml() -> None:
    fake = FakeProvider([answer(201, {"sid": CALL_SID})])
    result = await fake.provider(Kind.TWILIO).place_call(TWILIO, voice(locale="en-GB", voice="Woman"))
    assert str(fake.requests[0].url).endswith(f"/Accounts/{ACCOUNT_SID}/Calls.json")
    assert fake.forms == [
        {
            "To": [TO],
            "From": [FROM],
            "Twiml": ['<Response><Say voice="woman" language="en-gb">Your code is 4, 8, 1, 5, 1, 6</Say></Response>'],
            "Timeout": ["45"],
        }
    ]
    assert (result.outcome, result.provider_id, result.not_honoured) == (Outcome.ACCEPTED, CALL_SID, ())


async def test_a_voice_that_is_replaced_is_reported_whatever_the_outcome() -> None:
    fake = FakeProvider([answer(400, {"code": 21215})])
    result = await fake.provider(Kind.TWILIO).place_call(TWILIO, voice(locale="tlh", voice="Marvin"))
    assert (result.fault, result.not_honoured) == (Fault.GEO, ("locale", "voice"))


@pytest.mark.parametrize(
    ("request_", "fault", "code"),
    [
        (voice(body="<repeatMessage val=9>x</repeatMessage>"), Fault.BODY, "voice_markup"),
        (voice(body="&" * 1000), Fault.BODY, "twiml_too_long"),
        (voice(SENDER_ID), Fault.NUMBER, "origin_not_for_voice"),
        (voice(SERVICE), Fault.NUMBER, "origin_not_for_voice"),
    ],
    ids=["markup", "length", "sender id", "service"],
)
async def test_a_call_nobody_could_place_is_refused_without_a_call(request_: object, fault: Fault, code: str) -> None:
    fake = FakeProvider([])
    result = await fake.provider(Kind.TWILIO).place_call(TWILIO, request_)  # type: ignore[arg-type]
    assert (result.outcome, result.fault, result.code, fake.requests) == (Outcome.REFUSED, fault, code, [])
