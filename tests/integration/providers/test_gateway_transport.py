"""Where gateways can be reached, over real sockets: what is refused never even connects."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from providers.gateway_hosts import PUBLIC_ONLY, AddressNotAllowed, HostRules
from providers.gateway_transport import GatewayTransport, SystemResolver
from providers.http import Call, Exchange, NeverSent, call
from providers.protocol import LeaseLost
from tests.support.scripted_server import EMPTY_ANSWER, Connection, scripted_server

pytestmark = pytest.mark.integration

HERE = HostRules.read("127.0.0.1, localhost, ::1")
NOT_ALLOWED = NeverSent("address_not_allowed")


async def answer_always(connection: Connection) -> None:
    while True:
        await connection.read_request()
        await connection.send(EMPTY_ANSWER)


async def answer_once(connection: Connection) -> None:
    await connection.read_request()
    await connection.send(EMPTY_ANSWER)


def resolving(*answers: Sequence[str]) -> Callable[[str], Awaitable[Sequence[str]]]:
    """Return a resolver that gives its answers in order, the last one for ever."""
    left = list(answers)

    async def resolve(host: str) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


@asynccontextmanager
async def client_over(transport: GatewayTransport) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=transport, timeout=httpx.Timeout(2, connect=2), trust_env=False) as client:
        yield client


async def get(client: httpx.AsyncClient, url: str, **options: object) -> Call:
    return await call(client, client.build_request("GET", url), deadline_s=5, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost.", "[::ffff:127.0.0.1]", "127.1", "0x7f000001"])
async def test_a_host_of_this_machine_is_not_even_connected_to(host: str) -> None:
    async with scripted_server(answer_always) as server, client_over(GatewayTransport(PUBLIC_ONLY)) as client:
        for scheme in ("https", "http"):
            assert await get(client, f"{scheme}://{host}:{server.port}/") == NOT_ALLOWED
        assert server.connections == 0


async def test_a_host_the_operator_names_is_reached_by_plain_http() -> None:
    async with scripted_server(answer_always) as server, client_over(GatewayTransport(HERE)) as client:
        assert isinstance(await get(client, server.url), Exchange)


async def test_a_name_with_one_private_address_is_refused_as_a_whole() -> None:
    transport = GatewayTransport(PUBLIC_ONLY, resolve=resolving(["8.8.8.8", "10.0.0.1"]))
    async with client_over(transport) as client:
        assert await get(client, "https://gw.example/") == NOT_ALLOWED


async def test_a_name_in_another_script_is_checked_in_the_form_it_is_connected_to() -> None:
    asked: list[str] = []

    async def resolve(host: str) -> Sequence[str]:
        asked.append(host)
        return ["10.0.0.1"]

    rules = HostRules.read("xn--bcher-kva.example")
    await GatewayTransport(rules, resolve=resolve).check(httpx.URL("https://xn--bcher-kva.example/"))
    assert asked == ["xn--bcher-kva.example"]


async def test_a_name_that_turns_private_after_it_was_checked_is_refused_when_it_is_connected_to() -> None:
    rules = HostRules(insecure=True)
    async with scripted_server(answer_always) as server:
        transport = GatewayTransport(rules, resolve=resolving(["8.8.8.8"], ["127.0.0.1"]))
        url = f"https://gw.example:{server.port}/"
        await transport.check(httpx.URL(url))
        async with client_over(transport) as client:
            assert await get(client, url) == NOT_ALLOWED
        assert server.connections == 0


async def test_only_the_addresses_that_were_checked_are_connected_to() -> None:
    rules = HostRules.read("gw.example", insecure=True)
    async with scripted_server(answer_once) as server:
        transport = GatewayTransport(rules, resolve=resolving(["127.0.0.1"]))
        async with client_over(transport) as client:
            assert isinstance(await get(client, f"http://gw.example:{server.port}/"), Exchange)
        assert f"host: gw.example:{server.port}".encode() in server.requests[0].lower()


async def test_a_redirect_is_not_followed() -> None:
    async def redirect(connection: Connection) -> None:
        await connection.read_request()
        away = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data\r\nContent-Length: 0\r\n\r\n"
        await connection.send(away)

    async with scripted_server(redirect) as server, client_over(GatewayTransport(HERE)) as client:
        answer = await get(client, server.url)

    assert isinstance(answer, Exchange)
    assert answer.status == 302


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted_server(answer_always) as proxy, scripted_server(answer_always) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        async with client_over(GatewayTransport(HERE)) as client:
            await get(client, server.url)

        assert (proxy.connections, server.connections) == (0, 1)


async def test_https_is_verified_against_the_system_and_the_operators_authorities(
    self_signed: Path, server_tls: ssl.SSLContext
) -> None:
    context = ssl.create_default_context()
    async with scripted_server(answer_always, server_tls) as server:
        url = f"https://127.0.0.1:{server.port}/"
        async with client_over(GatewayTransport(HERE, ssl_context=context)) as client:
            assert await get(client, url) == NeverSent("connect_failed")
        context = ssl.create_default_context()
        context.load_verify_locations(self_signed)
        async with client_over(GatewayTransport(HERE, ssl_context=context)) as client:
            assert isinstance(await get(client, url), Exchange)


async def test_a_lost_lease_stops_a_get_before_its_first_byte() -> None:
    def lost() -> None:
        raise LeaseLost("x")

    async with scripted_server(answer_always) as server, client_over(GatewayTransport(HERE)) as client:
        with pytest.raises(LeaseLost):
            await get(client, server.url, before_first_byte=lost)

        assert server.requests == []


async def test_a_name_without_an_address_was_never_sent() -> None:
    async def nowhere(host: str) -> Sequence[str]:
        raise OSError("no such name")

    async with client_over(GatewayTransport(PUBLIC_ONLY, resolve=nowhere)) as client:
        assert await get(client, "https://gw.example/") == NeverSent("connect_failed")


async def test_the_check_of_a_host_connects_to_nothing() -> None:
    async with scripted_server(answer_always) as server:
        await GatewayTransport(HERE).check(httpx.URL(server.url))
        with pytest.raises(AddressNotAllowed):
            await GatewayTransport(PUBLIC_ONLY).check(httpx.URL(server.url))

        assert server.connections == 0


async def test_the_system_resolver_gives_each_address_once() -> None:
    resolver = SystemResolver()
    found = await asyncio.wait_for(resolver("localhost"), 5)
    resolver.close()

    assert len(set(found)) == len(found)
    assert {"127.0.0.1", "::1"} & set(found)


async def test_a_name_in_punycode_is_checked_as_it_is_connected_to() -> None:
    asked: list[str] = []

    async def resolve(name: str) -> Sequence[str]:
        asked.append(name)
        raise OSError("no such name")

    url = "https://xn--strae-oqa.example/"  # IDNA 2003 and 2008 disagree about what it stands for
    transport = GatewayTransport(PUBLIC_ONLY, resolve=resolve)
    with pytest.raises(OSError, match="no such name"):
        await transport.check(httpx.URL(url))
    async with client_over(transport) as client:
        assert await get(client, url) == NeverSent("connect_failed")

    assert asked == ["xn--strae-oqa.example"] * 2
