from __future__ import annotations

import json
from collections.abc import Mapping

import httpx
import pytest

from providers.faults import Fault, Outcome, ruling
from providers.protocol import (
    AccountEmpty,
    AccountNotActive,
    AttemptResult,
    FoundNumber,
    Kind,
    LookupAnswer,
    NumberType,
    ProviderUnreachable,
    VerificationFailed,
    VerifiedAccount,
    WrongCredentials,
)
from tests.support.provider_samples import (
    CHANNEL,
    SYNIVERSE,
    TO,
    TOKEN,
    Answer,
    FakeProvider,
    answer,
    lookup,
    sms,
    voice,
)
from trunkline_client.words import Channel

ACCEPTED = answer(200, {"id": "bQx3Kd2PSlmW0vNw9aZ41g"})
BASE = "/scg-external-api/api/v1/messaging"


def content(request: httpx.Request) -> dict[str, object]:
    sent: dict[str, object] = json.loads(request.content)
    return sent


async def test_an_sms_is_one_message_request() -> None:
    fake = FakeProvider([ACCEPTED])
    result = await fake.provider(Kind.SYNIVERSE).send_sms(SYNIVERSE, sms(CHANNEL))
    (request,) = fake.requests
    assert str(request.url) == f"https://api.syniverse.com{BASE}/message_requests"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert content(request) == {
        "from": "channel:1KJPMkuHQkair",
        "to": [TO],
        "body": "Your code is 481516",
        "external_id": "job-1.1",
        "expiry_time": "1800000300000",
    }
    assert result == AttemptResult(outcome=Outcome.ACCEPTED, provider_id="bQx3Kd2PSlmW0vNw9aZ41g", http_status=200)


async def test_a_call_is_a_message_request_that_is_spoken() -> None:
    fake = FakeProvider([ACCEPTED])
    result = await fake.provider(Kind.SYNIVERSE).place_call(
        SYNIVERSE, voice(CHANNEL, "Hi.<pause1sec> Code 4815", locale="en-GB", voice="Man")
    )
    sent = content(fake.requests[0])
    assert (sent["to"], sent["body"]) == ([f"voice:{TO}"], "Hi., Code 4 8 1 5")
    assert result.not_honoured == ("locale", "voice")


async def test_a_sender_id_is_ignored_and_reported() -> None:
    fake = FakeProvider([ACCEPTED])
    result = await fake.provider(Kind.SYNIVERSE).send_sms(SYNIVERSE, sms(CHANNEL, sender_id="Acme"))
    assert (result.outcome, result.not_honoured) == (Outcome.ACCEPTED, ("sender_id",))


@pytest.mark.parametrize(
    ("given", "fault", "code"),
    [
        (answer(404, {"error_code": "SCG_ERROR_4046"}), Fault.AUTH, "4046"),
        (answer(401, {"error_code": "4010"}), Fault.AUTH, "4010"),
        (answer(401), Fault.AUTH, "http_401"),
        (answer(402, {"error_code": "SCG_ERROR_4021"}), Fault.ACCOUNT, "4021"),
        (answer(404, {"error_code": "SCG_ERROR_4045"}), Fault.GEO, "4045"),
        (httpx.ConnectError("x"), Fault.UNAVAILABLE, "connect_failed"),
    ],
)
async def test_a_refusal_is_classified(given: Answer, fault: Fault, code: str) -> None:
    result = await FakeProvider([given]).provider(Kind.SYNIVERSE).send_sms(SYNIVERSE, sms(CHANNEL))
    assert (result.outcome, result.ruling, result.code) == (Outcome.REFUSED, ruling(fault), code)


@pytest.mark.parametrize(
    "given",
    [
        answer(200, {}),
        answer(200, {"id": ""}),
        answer(503, {"error_code": "SCG_ERROR_5030"}),
        httpx.Response(502, content=b"x"),
        httpx.ReadTimeout("x"),
    ],
    ids=range(5),
)
async def test_anything_between_yes_and_no_is_unknown(given: Answer) -> None:
    result = await FakeProvider([given]).provider(Kind.SYNIVERSE).send_sms(SYNIVERSE, sms(CHANNEL))
    assert (result.outcome, result.ruling) == (Outcome.UNKNOWN, None)


async def test_what_cannot_be_spoken_is_refused_without_a_call() -> None:
    fake = FakeProvider([])
    provider = fake.provider(Kind.SYNIVERSE)
    assert (await provider.place_call(SYNIVERSE, voice(CHANNEL, "<sayCharValue>x"))).code == "voice_markup"
    assert (await provider.send_sms(SYNIVERSE, sms(CHANNEL, body="\ud83d"))).code == "body_not_text"


async def test_a_lookup_asks_for_the_attempts_id() -> None:
    fake = FakeProvider([answer(200, {"list": [{"id": "r1", "external_id": "job-1.1"}]})])
    found = await fake.provider(Kind.SYNIVERSE).look_up(SYNIVERSE, lookup(origin=CHANNEL))
    assert fake.requests[0].url.raw_path.decode() == f"{BASE}/message_requests?external_id=job-1.1"
    assert found == LookupAnswer(good=True, candidates=("r1",), names_attempt=True)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (answer(200, {"list": []}), LookupAnswer(good=True)),
        (
            answer(
                200,
                {
                    "list": [
                        {"id": "r2", "external_id": "job-1.1", "created_date": "2026-11-01T12:00:02.000Z"},
                        {"id": "r1", "external_id": "job-1.1", "created_date": "2026-11-01T12:00:01.000Z"},
                    ]
                },
            ),
            LookupAnswer(good=True, candidates=("r1", "r2"), names_attempt=True),
        ),
        (answer(200, {"list": [{"id": "r1", "external_id": "other"}]}), LookupAnswer(good=False)),
        (answer(200, {"list": [{"id": "r1"}]}), LookupAnswer(good=False)),
        (answer(200, {"list": [{"external_id": "job-1.1"}]}), LookupAnswer(good=False)),
        (answer(200, {"list": ["r1"]}), LookupAnswer(good=False)),
        (answer(200, {}), LookupAnswer(good=False)),
        (answer(500), LookupAnswer(good=False)),
        (httpx.ReadTimeout("x"), LookupAnswer(good=False)),
    ],
    ids=range(9),
)
async def test_a_lookup_counts_only_what_it_can_be_sure_of(given: Answer, expected: LookupAnswer) -> None:
    assert await FakeProvider([given]).provider(Kind.SYNIVERSE).look_up(SYNIVERSE, lookup(origin=CHANNEL)) == expected


CHANNELS, SENDERS = f"{BASE}/channels", f"{BASE}/sender_ids"


async def verified(changes: Mapping[str, Answer]) -> VerifiedAccount:
    empty = answer(200, {"list": []})
    answers = {CHANNELS: empty, SENDERS: empty, **changes}
    fake = FakeProvider(lambda request: answers[request.url.raw_path.decode()])
    return await fake.provider(Kind.SYNIVERSE).verify(SYNIVERSE)


async def test_channels_and_active_senders_are_listed_as_the_wire_names_them() -> None:
    senders = [
        {"id": "s1", "type_id": "LONGCODE", "capabilities": ["SMS", "MMS", "VOICE"], "state": "ACTIVE"},
        {"id": "s2", "type_id": "SHORTCODE", "capabilities": ["SMS"]},
        {"id": "s3", "type_id": "TOLL_FREE", "capabilities": ["SMS"], "state": "ACTIVE"},
        {"id": "s4", "type_id": "LONGCODE", "capabilities": ["SMS"], "state": "INACTIVE"},
        {"id": "s5", "type_id": None, "capabilities": None, "state": "ACTIVE"},
    ]
    found = await verified({CHANNELS: answer(200, {"list": [{"id": "c1"}]}), SENDERS: answer(200, {"list": senders})})
    both, only_sms = frozenset(Channel), frozenset({Channel.SMS})
    assert found == VerifiedAccount(
        "",
        (
            FoundNumber("channel:c1", NumberType.PHONE_NUMBER, both),
            FoundNumber("sender_id:s1", NumberType.PHONE_NUMBER, both),
            FoundNumber("sender_id:s2", NumberType.SHORT_CODE, only_sms),
            FoundNumber("sender_id:s3", NumberType.TOLL_FREE, only_sms),
            FoundNumber("sender_id:s5", NumberType.PHONE_NUMBER, frozenset()),
        ),
    )


async def test_all_pages_are_read_until_the_total() -> None:
    found = await verified(
        {
            CHANNELS: answer(200, {"list": [{"id": "c1"}], "total": 2}),
            f"{CHANNELS}?offset=1": answer(200, {"list": [{"id": "c2"}], "total": 2}),
        }
    )
    assert [one.number for one in found.numbers] == ["channel:c1", "channel:c2"]


async def test_a_list_that_ignores_the_offset_ends() -> None:
    same = answer(200, {"list": [{"id": "c1"}], "total": 9})
    assert len((await verified({CHANNELS: same, f"{CHANNELS}?offset=1": same})).numbers) == 1


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (answer(401, {"error_code": "401"}), WrongCredentials),
        (answer(404, {"error_code": "SCG_ERROR_4046"}), WrongCredentials),
        (answer(402, {"error_code": "402"}), AccountNotActive),
        (answer(200, {"list": []}), AccountEmpty),
        (answer(200, {"list": None}), ProviderUnreachable),
        (answer(200, {"list": [{"id": None}]}), ProviderUnreachable),
        (answer(200, {"list": ["c1"]}), ProviderUnreachable),
        (answer(500), ProviderUnreachable),
        (answer(400, {"error_code": "4004"}), ProviderUnreachable),
        (httpx.ConnectError("x"), ProviderUnreachable),
        (httpx.ReadTimeout("x"), ProviderUnreachable),
    ],
    ids=range(11),
)
async def test_each_way_to_fail_has_its_own_error(given: Answer, error: type[VerificationFailed]) -> None:
    with pytest.raises(error) as caught:
        await verified({CHANNELS: given})
    assert type(caught.value) is error
    assert TOKEN not in f"{caught.value!r} {caught.value}"
