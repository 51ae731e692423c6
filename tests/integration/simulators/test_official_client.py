"""The official Twilio client as the oracle: what it understands, our adapter may rely on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from providers.simulators.default_world import (
    FULL_SID,
    LOCAL_NUMBER,
    SERVICE_SID,
    SUSPENDED_SID,
    TWILIO_TOKEN,
)
from tests.support.simulator import Simulator

pytestmark = pytest.mark.integration

RECIPIENT = "+12015550123"


class LoopbackClient(TwilioHttpClient):  # type: ignore[misc] # twilio ships no types
    """Sends what is meant for Twilio to the simulators."""

    def __init__(self, base_url: str) -> None:
        super().__init__(timeout=10)
        self._base_url = base_url

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        for product in ("api", "messaging"):
            url = url.replace(f"https://{product}.twilio.com", self._base_url)
        return super().request(method, url, *args, **kwargs)

    def close(self) -> None:
        self.session.close()


@pytest.fixture
def http_client(simulators: Simulator) -> Iterator[LoopbackClient]:
    client = LoopbackClient(simulators.base_url)
    yield client
    client.close()


@pytest.fixture
def client(http_client: LoopbackClient) -> Client:
    return Client(FULL_SID, TWILIO_TOKEN, http_client=http_client)


def test_it_creates_a_message_that_the_ledger_proves(client: Client, simulators: Simulator) -> None:
    message = client.messages.create(to=RECIPIENT, from_=LOCAL_NUMBER, body="Hello", validity_period=300)
    (entry,) = simulators.control.ledger().entries
    assert (message.status, message.sid) == ("queued", entry.provider_id)
    assert (entry.to, entry.sender, entry.body, entry.account) == (RECIPIENT, LOCAL_NUMBER, "Hello", FULL_SID)


def test_it_creates_and_fetches_a_call(client: Client) -> None:
    call = client.calls.create(to=RECIPIENT, from_=LOCAL_NUMBER, twiml="<Response><Say>Hello</Say></Response>")
    assert client.calls(call.sid).fetch().to == RECIPIENT


def test_it_pages_through_every_message_newest_first(client: Client) -> None:
    created = [client.messages.create(to=RECIPIENT, from_=LOCAL_NUMBER, body=str(n)).sid for n in range(7)]
    assert [message.sid for message in client.messages.list(to=RECIPIENT, page_size=3)] == created[::-1]


def test_it_lists_numbers_short_codes_and_toll_free_ones(client: Client) -> None:
    assert len(client.incoming_phone_numbers.list(page_size=1)) == 4
    assert [number.phone_number for number in client.incoming_phone_numbers.toll_free.list()] == ["+18335550199"]
    assert [code.short_code for code in client.api.v2010.account.short_codes.list()] == ["88022"]


def test_it_reads_the_account_and_its_messaging_services(client: Client) -> None:
    assert client.api.accounts(FULL_SID).fetch().status == "active"
    assert [service.sid for service in client.messaging.v1.services.list()] == [SERVICE_SID]
    pool = client.messaging.v1.services(SERVICE_SID).phone_numbers.list()
    assert [(member.phone_number, member.country_code) for member in pool] == [(LOCAL_NUMBER, "US")]


def test_it_raises_its_own_error_with_our_code(client: Client) -> None:
    with pytest.raises(TwilioRestException) as refused:
        client.messages.create(to="12", from_=LOCAL_NUMBER, body="Hello")
    assert (refused.value.status, refused.value.code) == (400, 21211)


def test_it_is_told_that_the_account_is_suspended(http_client: LoopbackClient) -> None:
    suspended = Client(SUSPENDED_SID, TWILIO_TOKEN, http_client=http_client)
    with pytest.raises(TwilioRestException) as refused:
        suspended.messages.create(to=RECIPIENT, from_=LOCAL_NUMBER, body="Hello")
    assert (refused.value.status, refused.value.code) == (401, 20003)
    assert suspended.api.accounts(SUSPENDED_SID).fetch().status == "suspended"
