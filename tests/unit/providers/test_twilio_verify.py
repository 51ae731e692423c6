from __future__ import annotations

from collections.abc import Mapping

import httpx
import pytest

from providers.protocol import (
    Account,
    AccountEmpty,
    AccountNotActive,
    FoundNumber,
    Kind,
    MessagingServiceMissing,
    NumberType,
    ProviderUnreachable,
    VerificationFailed,
    VerifiedAccount,
    WrongCredentials,
)
from tests.support.provider_samples import (
    ACCOUNT_SID,
    SERVICE_SID,
    TOKEN,
    TWILIO,
    TWILIO_SERVICE,
    Answer,
    FakeProvider,
    answer,
)
from trunkline_client.words import Channel

BASE = f"/2010-04-01/Accounts/{ACCOUNT_SID}"
ACTIVE = answer(200, {"status": "active", "friendly_name": "Acme", "auth_token": TOKEN})
SMS, VOICE = Channel.SMS, Channel.VOICE


def number(phone_number: str, **capabilities: bool) -> dict[str, object]:
    return {"phone_number": phone_number, "capabilities": capabilities}


def numbers(*rows: object, following: str | None = None) -> httpx.Response:
    return answer(200, {"incoming_phone_numbers": list(rows), "next_page_uri": following})


def services(*sids: str, following: str | None = None) -> httpx.Response:
    return answer(200, {"services": [{"sid": sid} for sid in sids], "meta": {"next_page_url": following}})


DEFAULTS: Mapping[str, Answer] = {
    f"{BASE}.json": ACTIVE,
    f"{BASE}/IncomingPhoneNumbers.json": numbers(number("+14155550100", sms=True, voice=True)),
    f"{BASE}/IncomingPhoneNumbers/TollFree.json": numbers(),
    f"{BASE}/SMS/ShortCodes.json": answer(200, {"short_codes": [], "next_page_uri": None}),
    "/v1/Services": services(SERVICE_SID),
}


async def verified(changes: Mapping[str, Answer] | None = None, account: Account = TWILIO) -> VerifiedAccount:
    answers = {**DEFAULTS, **(changes or {})}
    fake = FakeProvider(lambda request: answers[request.url.raw_path.decode().replace("?PageSize=100", "")])
    return await fake.provider(account.kind).verify(account)


async def test_an_account_is_read_with_every_kind_of_number() -> None:
    found = await verified(
        {
            f"{BASE}/IncomingPhoneNumbers.json": numbers(
                number("+14155550100", sms=True, voice=True, mms=True, fax=False),
                number("+442071838750", sms=False, voice=True),
                number("+18335550199", sms=True, voice=False),
                number("+448000115000", sms=True),
                number("+14155550101"),
            ),
            f"{BASE}/IncomingPhoneNumbers/TollFree.json": numbers(number("+448000115000")),
            f"{BASE}/SMS/ShortCodes.json": answer(200, {"short_codes": [{"short_code": "88022"}]}),
        }
    )
    assert found == VerifiedAccount(
        "Acme",
        (
            FoundNumber("+14155550100", NumberType.PHONE_NUMBER, frozenset({SMS, VOICE})),
            FoundNumber("+442071838750", NumberType.PHONE_NUMBER, frozenset({VOICE})),
            FoundNumber("+18335550199", NumberType.TOLL_FREE, frozenset({SMS})),
            FoundNumber("+448000115000", NumberType.TOLL_FREE, frozenset({SMS})),
            FoundNumber("+14155550101", NumberType.PHONE_NUMBER, frozenset()),
            FoundNumber("88022", NumberType.SHORT_CODE, frozenset({SMS})),
        ),
    )


@pytest.mark.parametrize("area", ["800", "833", "844", "855", "866", "877", "888"])
async def test_a_toll_free_number_is_known_by_its_prefix(area: str) -> None:
    found = await verified({f"{BASE}/IncomingPhoneNumbers.json": numbers(number(f"+1{area}5550199", sms=True))})
    assert found.numbers[0].type is NumberType.TOLL_FREE


async def test_all_pages_are_read() -> None:
    second = f"{BASE}/IncomingPhoneNumbers.json?Page=1&PageToken=PA1"
    found = await verified(
        {
            f"{BASE}/IncomingPhoneNumbers.json": numbers(number("+14155550100"), following=second),
            second: numbers(number("+14155550101")),
        }
    )
    assert [one.number for one in found.numbers] == ["+14155550100", "+14155550101"]


async def test_a_number_on_two_pages_is_one_number() -> None:
    again = numbers(number("+14155550100", sms=True), number("+14155550100", sms=True))
    assert len((await verified({f"{BASE}/IncomingPhoneNumbers.json": again})).numbers) == 1


async def test_an_account_with_only_a_short_code_is_not_empty() -> None:
    found = await verified(
        {
            f"{BASE}/IncomingPhoneNumbers.json": numbers(),
            f"{BASE}/SMS/ShortCodes.json": answer(200, {"short_codes": [{"short_code": "88022"}]}),
        }
    )
    assert len(found.numbers) == 1


async def test_a_messaging_service_is_looked_for_on_all_pages() -> None:
    second = "/v1/Services?PageSize=100&Page=1&PageToken=PA1"
    pages = {
        "/v1/Services": services("MG" + "9" * 32, following=f"https://messaging.twilio.com{second}"),
        "/v1/Services&Page=1&PageToken=PA1": services(SERVICE_SID),
    }
    assert (await verified(pages, TWILIO_SERVICE)).name == "Acme"


async def test_a_messaging_service_that_is_missing_is_its_own_error() -> None:
    with pytest.raises(MessagingServiceMissing, match=SERVICE_SID):
        await verified({"/v1/Services": services()}, TWILIO_SERVICE)


ACCOUNT = f"{BASE}.json"
NUMBERS = f"{BASE}/IncomingPhoneNumbers.json"


@pytest.mark.parametrize(
    ("path", "given", "error"),
    [
        (ACCOUNT, answer(401, {"code": 20003}), WrongCredentials),
        (ACCOUNT, answer(404, {"code": 20404}), WrongCredentials),
        (ACCOUNT, answer(403, {"code": 20403}), WrongCredentials),
        (ACCOUNT, answer(401), WrongCredentials),
        (ACCOUNT, answer(403, {"code": 20005}), AccountNotActive),
        (ACCOUNT, answer(401, {"code": 10001}), AccountNotActive),
        (ACCOUNT, answer(200, {"status": "suspended"}), AccountNotActive),
        (ACCOUNT, answer(200, {"status": "closed"}), AccountNotActive),
        (ACCOUNT, answer(200, {"status": "sleeping"}), ProviderUnreachable),
        (ACCOUNT, httpx.Response(200, content=b"<html>"), ProviderUnreachable),
        (ACCOUNT, answer(302), ProviderUnreachable),
        (ACCOUNT, answer(429, {"code": 20429}), ProviderUnreachable),
        (ACCOUNT, answer(503), ProviderUnreachable),
        (ACCOUNT, httpx.ConnectError("x"), ProviderUnreachable),
        (ACCOUNT, httpx.ReadTimeout("x"), ProviderUnreachable),
        (NUMBERS, numbers(), AccountEmpty),
        (NUMBERS, answer(200, {"incoming_phone_numbers": None}), ProviderUnreachable),
        (NUMBERS, numbers({"phone_number": None}), ProviderUnreachable),
        (NUMBERS, numbers("+14155550100"), ProviderUnreachable),
        (NUMBERS, numbers(following=NUMBERS), ProviderUnreachable),
        (NUMBERS, numbers(following="https://evil.example/x"), ProviderUnreachable),
        (NUMBERS, answer(500), ProviderUnreachable),
        (NUMBERS, answer(403, {"code": 20005}), AccountNotActive),
    ],
    ids=range(23),
)
async def test_each_way_to_fail_has_its_own_error(path: str, given: Answer, error: type[VerificationFailed]) -> None:
    with pytest.raises(error) as caught:
        await verified({path: given})
    assert type(caught.value) is error
    assert TOKEN not in f"{caught.value!r} {caught.value}"


async def test_the_error_names_twilios_code() -> None:
    with pytest.raises(WrongCredentials, match="20003"):
        await verified({ACCOUNT: answer(401, {"code": 20003})})


def test_both_kinds_of_twilio_have_one_provider() -> None:
    fake = FakeProvider([])
    assert type(fake.provider(Kind.TWILIO)) is type(fake.provider(Kind.TWILIO_MESSAGING_SERVICE))
