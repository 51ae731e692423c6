from __future__ import annotations

import httpx
import pytest

from providers.protocol import Kind
from providers.registry import Endpoints, Providers
from tests.support.provider_samples import CHANNEL, SYNIVERSE, TWILIO, FakeProvider, answer, sms


@pytest.mark.parametrize("kind", [Kind.TWILIO, Kind.TWILIO_MESSAGING_SERVICE, Kind.SYNIVERSE])
def test_a_kind_has_its_provider(kind: Kind) -> None:
    assert Providers(Endpoints()).for_kind(kind) is not None


@pytest.mark.parametrize("slash", ["", "/"])
async def test_addresses_may_end_in_a_slash(slash: str) -> None:
    fake = FakeProvider(lambda request: answer(500))
    endpoints = Endpoints(f"http://127.0.0.1:1{slash}", f"http://127.0.0.1:2{slash}", f"http://127.0.0.1:3/base{slash}")
    providers = Providers(endpoints, transport=httpx.MockTransport(fake))
    await providers.for_kind(Kind.TWILIO).send_sms(TWILIO, sms())
    await providers.for_kind(Kind.SYNIVERSE).send_sms(SYNIVERSE, sms(CHANNEL))
    await providers.aclose()
    assert [str(request.url).split("/Accounts")[0] for request in fake.requests] == [
        "http://127.0.0.1:1/2010-04-01",
        "http://127.0.0.1:3/base/messaging/message_requests",
    ]


async def test_the_calls_of_every_provider_can_be_watched() -> None:
    watched: list[str] = []

    def wrap(transport: httpx.AsyncBaseTransport) -> httpx.AsyncBaseTransport:
        watched.append(type(transport).__name__)
        return transport

    await Providers(Endpoints(), wrap=wrap).aclose()

    assert watched == ["AiohttpTransport", "PostTransport", "GatewayTransport"]
