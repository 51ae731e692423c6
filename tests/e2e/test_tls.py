"""Redis over TLS with a private authority and client certificates: worker and producers through `rediss://`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.redis_server import HOST, RedisServer
from tests.support.system import running
from tests.support.tls_proxy import Authority, Certified, tls_proxy
from trunkline_client import AsyncTrunkline, Trunkline
from trunkline_client.errors import NotAccepted

pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class Endpoint:
    """A TLS endpoint that trusts the certificates of `authority` only."""

    port: int
    authority: Authority
    client: Certified

    def url(self, *, authority: Authority | None = None, client: Certified | None = None) -> str:
        """The address as `TRUNKLINE_REDIS_URL` takes it."""
        shown = f"&ssl_certfile={client.certificate}&ssl_keyfile={client.key}" if client else ""
        return f"rediss://{HOST}:{self.port}/0?ssl_ca_certs={(authority or self.authority).file}{shown}"


@pytest.fixture
def endpoint(redis_server: RedisServer, redis_url: str, tmp_path: Path) -> Iterator[Endpoint]:
    authority = Authority(tmp_path / "authority")
    with tls_proxy(redis_server.port, authority.certify("redis"), clients=authority) as port:
        yield Endpoint(port, authority, authority.certify("client"))


def test_a_message_goes_all_the_way_over_tls(endpoint: Endpoint, redis_server: RedisServer, tmp_path: Path) -> None:
    url = endpoint.url(client=endpoint.client)
    with running(tmp_path, redis=redis_server, redis_url=url) as system:
        system.apply()
        system.start_worker().wait_ready()

        handle = system.client.send_sms(tenant="acme", to="+12015550123", body="hello")

        assert system.outcome(handle.id)["state"] == "sent"


def test_an_authority_that_did_not_sign_the_certificate_is_refused(endpoint: Endpoint, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other")
    with (
        Trunkline(endpoint.url(authority=other, client=endpoint.client)) as client,
        pytest.raises(NotAccepted, match="the certificate of Redis is not trusted"),
    ):
        client.send_sms(tenant="acme", to="+12015550123", body="hello")


async def test_the_asyncio_client_refuses_it_too(endpoint: Endpoint, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other")
    async with AsyncTrunkline(endpoint.url(authority=other, client=endpoint.client)) as client:
        with pytest.raises(NotAccepted, match="the certificate of Redis is not trusted"):
            await client.send_sms(tenant="acme", to="+12015550123", body="hello")


def test_a_client_without_a_certificate_is_refused(endpoint: Endpoint) -> None:
    with Trunkline(endpoint.url()) as client, pytest.raises(NotAccepted, match="Redis cannot be reached"):
        client.send_sms(tenant="acme", to="+12015550123", body="hello")
