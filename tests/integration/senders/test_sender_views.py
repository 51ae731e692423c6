"""`trunkline senders` beside a gateway, over a real Redis."""

from __future__ import annotations

import pytest

from providers.gateway_settings import AuthMethod, Gateway, GatewayAuthentication
from senders.document import encode
from senders.store import ConfigStore, Replacement
from tests.support.cli import run_cli
from tests.support.sender_samples import gateway, gateway_request, tenant
from trunkline_client.connection import open_async

pytestmark = pytest.mark.integration

HEADERS = (("content-type", "application/json"), ("x-key", "visible to nobody"))
BODY = '{\n"to": "${to}", "text": "${message}"}'


@pytest.fixture
async def url(redis_url: str) -> str:
    authentication = GatewayAuthentication(AuthMethod.BASIC, username="acme")
    request = gateway_request(url="https://gw.example/sms", headers=HEADERS, body=BODY)
    config = tenant(gateway(gateway=Gateway(authentication, (request,))))
    client = open_async(redis_url)
    await ConfigStore(client).replace({"acme": Replacement(0, encode(config))}, token="t")
    await client.aclose()
    return redis_url


def test_a_gateway_is_shown_with_its_requests_and_without_its_keys(url: str) -> None:
    env = {"TRUNKLINE_REDIS_URL": url, "COLUMNS": "160"}
    command = ("senders", "show", "gateway", "--tenant", "acme")

    shown = run_cli(*command, "--json", env=env)
    text = run_cli(*command, env=env).out

    assert shown.json["gateway"]["authentication"] == "basic username=acme"
    assert shown.json["gateway"]["requests[sms]"] == "POST https://gw.example/sms"
    assert shown.json["gateway"]["requests[sms].body"] == BODY
    assert "POST https://gw.example/sms" in text
    assert "visible to nobody" not in shown.out + text


def test_a_removed_sender_is_replaced_in_its_chains_or_taken_out_but_not_both(url: str) -> None:
    env = {"TRUNKLINE_REDIS_URL": url}
    both = ("--repoint", "other", "--unchain", "--dry-run")

    ran = run_cli("senders", "remove", "gateway", "--tenant", "acme", *both, env=env)

    assert (ran.code, "--repoint or --unchain, not both" in ran.err) == (2, True)
