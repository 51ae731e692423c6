from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from providers.simulators.app import simulator_app
from providers.simulators.default_world import (
    EMPTY_SID,
    FULL_SID,
    LOCAL_NUMBER,
    SERVICE_SID,
    TEST_SID,
    TRIAL_SID,
    TWILIO_TOKEN,
    default_world,
)
from providers.simulators.simulation import Simulation
from providers.simulators.world import AccountStatus, SuspendedAnswer, World
from tests.support.twilio_openapi import check_response, missing_fields

ACCOUNT = f"/2010-04-01/Accounts/{FULL_SID}"
SMS = {"To": "+12015550123", "From": LOCAL_NUMBER, "Body": "Hello"}
CALL = {"To": "+12015550123", "From": LOCAL_NUMBER, "Twiml": "<Response/>"}
MAGIC = {"To": "+12015550123", "From": "+15005550006", "Body": "Hello"}


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def simulation(clock: Clock) -> Simulation:
    return Simulation(default_world(), clock=clock)


@pytest.fixture
async def twilio(simulation: Simulation) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(simulator_app(simulation))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://simulator", auth=(FULL_SID, TWILIO_TOKEN)
    ) as client:
        yield client


def suspended(answer: SuspendedAnswer, *, readable: bool = True) -> World:
    account = replace(
        default_world().twilio[0],
        status=AccountStatus.SUSPENDED,
        suspended_answer=answer,
        readable_when_suspended=readable,
    )
    return World(twilio=(account,))


@pytest.mark.parametrize(
    "path",
    [
        f"{ACCOUNT}.json",
        f"{ACCOUNT}/Messages.json",
        f"{ACCOUNT}/Calls.json",
        f"{ACCOUNT}/IncomingPhoneNumbers.json",
        f"{ACCOUNT}/IncomingPhoneNumbers/Local.json",
        f"{ACCOUNT}/IncomingPhoneNumbers/Mobile.json",
        f"{ACCOUNT}/IncomingPhoneNumbers/TollFree.json",
        f"{ACCOUNT}/SMS/ShortCodes.json",
        "/v1/Services",
        f"/v1/Services/{SERVICE_SID}",
        f"/v1/Services/{SERVICE_SID}/PhoneNumbers",
        f"/v1/Services/{SERVICE_SID}/ShortCodes",
        f"/v1/Services/{SERVICE_SID}/AlphaSenders",
    ],
)
async def test_every_answer_agrees_with_the_openapi_documents(twilio: httpx.AsyncClient, path: str) -> None:
    await twilio.post(f"{ACCOUNT}/Messages.json", data=SMS)
    await twilio.post(f"{ACCOUNT}/Calls.json", data=CALL)
    answer = await twilio.get(path)
    assert check_response("GET", path, answer.status_code, answer.json()) == []
    assert missing_fields("GET", path, answer.status_code, answer.json()) == []


@pytest.mark.parametrize("age_s", [0, 1.5, 2.5, 4, 60])
@pytest.mark.parametrize(("resource", "form"), [("Messages", SMS), ("Calls", CALL)])
async def test_what_was_created_reads_as_the_documents_say_at_any_age(
    twilio: httpx.AsyncClient, clock: Clock, resource: str, form: dict[str, str], age_s: float
) -> None:
    created = await twilio.post(f"{ACCOUNT}/{resource}.json", data=form)
    assert check_response("POST", f"{ACCOUNT}/{resource}.json", created.status_code, created.json()) == []
    clock.now += age_s
    path = f"{ACCOUNT}/{resource}/{created.json()['sid']}.json"
    fetched = await twilio.get(path)
    assert check_response("GET", path, fetched.status_code, fetched.json()) == []
    assert missing_fields("GET", path, fetched.status_code, fetched.json()) == []


@pytest.mark.parametrize(
    ("form", "status"), [(SMS | {"To": "12"}, 400), (SMS | {"MessagingServiceSid": "MG" + "f" * 32}, 404)]
)
async def test_a_refusal_has_the_documented_body(twilio: httpx.AsyncClient, form: dict[str, str], status: int) -> None:
    answer = await twilio.post(f"{ACCOUNT}/Messages.json", data=form)
    assert answer.status_code == status
    assert check_response("POST", f"{ACCOUNT}/Messages.json", status, answer.json()) == []


async def test_the_request_id_and_the_message_sid_share_their_digits(twilio: httpx.AsyncClient) -> None:
    answer = await twilio.post(f"{ACCOUNT}/Messages.json", data=SMS)
    assert answer.headers["Twilio-Request-Id"].removeprefix("RQ") == answer.json()["sid"].removeprefix("SM")


async def test_a_messaging_service_accepts_before_it_has_chosen_a_sender(twilio: httpx.AsyncClient) -> None:
    form = {"To": "+12015550123", "MessagingServiceSid": SERVICE_SID, "Body": "Hello"}
    body = (await twilio.post(f"{ACCOUNT}/Messages.json", data=form)).json()
    assert (body["from"], body["status"], body["num_segments"]) == (None, "accepted", "0")


async def test_a_trial_account_prefixes_the_body_but_the_ledger_keeps_what_was_sent(
    twilio: httpx.AsyncClient, simulation: Simulation
) -> None:
    path = f"/2010-04-01/Accounts/{TRIAL_SID}/Messages.json"
    answer = await twilio.post(path, data=SMS | {"From": "+14155550101"}, auth=(TRIAL_SID, TWILIO_TOKEN))
    assert answer.json()["body"] == "Sent from your Twilio trial account - Hello"
    assert simulation.ledger.entries()[0].body == "Hello"


async def test_the_account_resource_contains_the_token_as_the_real_one_does(twilio: httpx.AsyncClient) -> None:
    assert (await twilio.get(f"{ACCOUNT}.json")).json()["auth_token"] == TWILIO_TOKEN


@pytest.mark.parametrize(
    ("user", "password", "message", "detail"),
    [
        (FULL_SID, "wrong", "Authenticate", "Your AccountSid or AuthToken was incorrect."),
        ("ACnobody", TWILIO_TOKEN, "Authentication Error - invalid username", None),
    ],
)
async def test_wrong_credentials_are_told_apart(
    twilio: httpx.AsyncClient, user: str, password: str, message: str, detail: str | None
) -> None:
    answer = await twilio.get(f"{ACCOUNT}.json", auth=(user, password))
    body = answer.json()
    assert (answer.status_code, body["code"], body["message"], body.get("detail")) == (401, 20003, message, detail)


@pytest.mark.parametrize("header", [{}, {"Authorization": "Basic %%%"}, {"Authorization": "Bearer x"}])
async def test_a_request_without_basic_credentials_is_unauthorized(
    simulation: Simulation, header: dict[str, str]
) -> None:
    transport = httpx.ASGITransport(simulator_app(simulation))
    async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as anonymous:
        answer = await anonymous.get(f"{ACCOUNT}.json", headers=header)
    assert (answer.status_code, answer.json()["code"]) == (401, 20003)


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (SuspendedAnswer.UNAUTHORIZED, 401, 20003),
        (SuspendedAnswer.NO_PERMISSION, 403, 20403),
        (SuspendedAnswer.NOT_ACTIVE, 403, 20005),
    ],
)
async def test_a_suspended_account_refuses_to_send_and_can_still_be_read(
    twilio: httpx.AsyncClient, simulation: Simulation, answer: SuspendedAnswer, status: int, code: int
) -> None:
    simulation.use(suspended(answer))
    refused = await twilio.post(f"{ACCOUNT}/Messages.json", data=SMS)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert (await twilio.get(f"{ACCOUNT}.json")).json()["status"] == "suspended"


async def test_a_suspended_account_may_also_refuse_to_be_read(
    twilio: httpx.AsyncClient, simulation: Simulation
) -> None:
    simulation.use(suspended(SuspendedAnswer.NO_PERMISSION, readable=False))
    assert (await twilio.get(f"{ACCOUNT}.json")).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        f"/2010-04-01/Accounts/{EMPTY_SID}/Messages.json",
        f"{ACCOUNT}/Messages/SM{'0' * 32}.json",
        f"{ACCOUNT}/Calls/CA{'0' * 32}.json",
        f"{ACCOUNT}/Nothing.json",
        "/v1/Services/MG1",
        "/v1/Services/MG1/PhoneNumbers",
        "/v1/Nothing",
    ],
)
async def test_what_the_account_does_not_have_is_not_found(twilio: httpx.AsyncClient, path: str) -> None:
    answer = await twilio.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, 20404)


@pytest.mark.parametrize("path", ["/Messages.json", "/IncomingPhoneNumbers.json", "/Usage.json", ".json"])
async def test_test_credentials_can_only_create(twilio: httpx.AsyncClient, path: str) -> None:
    answer = await twilio.get(f"/2010-04-01/Accounts/{TEST_SID}{path}", auth=(TEST_SID, TWILIO_TOKEN))
    assert (answer.status_code, answer.json()["code"]) == (403, 20008)


async def test_test_credentials_leave_no_trace(twilio: httpx.AsyncClient, simulation: Simulation) -> None:
    path = f"/2010-04-01/Accounts/{TEST_SID}/Messages.json"
    answer = await twilio.post(path, data=MAGIC, auth=(TEST_SID, TWILIO_TOKEN))
    assert answer.status_code == 201
    assert simulation.ledger.entries() == []


async def test_lists_show_the_newest_first_filtered_by_both_ends(twilio: httpx.AsyncClient) -> None:
    for to, body in (("+12015550123", "first"), ("+12015550124", "other"), ("+12015550123", "second")):
        await twilio.post(f"{ACCOUNT}/Messages.json", data=SMS | {"To": to, "Body": body})
    query = {"To": "+12015550123", "From": LOCAL_NUMBER}
    found = (await twilio.get(f"{ACCOUNT}/Messages.json", params=query)).json()["messages"]
    assert [message["body"] for message in found] == ["second", "first"]


@pytest.mark.parametrize(
    ("path", "numbers"),
    [
        ("IncomingPhoneNumbers.json", 4),
        ("IncomingPhoneNumbers/Local.json", 2),
        ("IncomingPhoneNumbers/Mobile.json", 1),
        ("IncomingPhoneNumbers/TollFree.json", 1),
        ("IncomingPhoneNumbers.json?PhoneNumber=%2B44*", 2),
    ],
)
async def test_numbers_are_listed_by_kind(twilio: httpx.AsyncClient, path: str, numbers: int) -> None:
    assert len((await twilio.get(f"{ACCOUNT}/{path}")).json()["incoming_phone_numbers"]) == numbers


async def test_every_request_is_counted_by_its_operation(twilio: httpx.AsyncClient, simulation: Simulation) -> None:
    await twilio.post(f"{ACCOUNT}/Messages.json", data=SMS)
    await twilio.post(f"{ACCOUNT}/Messages.json", data={})
    await twilio.get(f"{ACCOUNT}.json")
    assert simulation.ledger.requests == {"twilio messages.create": 2, "twilio accounts.fetch": 1}
