"""What the transport says when things go wrong, over real sockets: never sent, or in doubt."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from providers.http import Exchange, InDoubt, NeverSent, call
from providers.protocol import LeaseLost
from providers.transport import MAX_BODY_BYTES
from tests.support.redis_server import free_port
from tests.support.scripted_server import EMPTY_ANSWER, Connection, Script, scripted_server

pytestmark = pytest.mark.integration

Transports = Callable[..., httpx.AsyncBaseTransport]


async def answer_always(connection: Connection) -> None:
    while True:
        await connection.read_request()
        await connection.send(EMPTY_ANSWER)


async def close_before_reading(connection: Connection) -> None:
    await connection.reader.readexactly(1)


async def close_after_reading(connection: Connection) -> None:
    await connection.read_request()


async def reset_after_reading(connection: Connection) -> None:
    await connection.read_request()
    connection.reset()


async def reset_inside_the_headers(connection: Connection) -> None:
    await connection.read_request()
    await connection.send(b"HTTP/1.1 201 Created\r\nContent-Le")
    connection.reset()


async def reset_inside_the_body(connection: Connection) -> None:
    await connection.read_request()
    await connection.send(b'HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"sid": ')
    await asyncio.sleep(0.05)
    connection.reset()


async def cut_off_body(connection: Connection) -> None:
    await connection.read_request()
    await connection.send(b'HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"sid": ')


async def cut_off_chunks(connection: Connection) -> None:
    await connection.read_request()
    await connection.send(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}")


async def junk_chunks(connection: Connection) -> None:
    await connection.read_request()
    await connection.send(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n")


async def junk_instead_of_http(connection: Connection) -> None:
    await connection.read_request()
    await connection.send(b"\x16\x03\x01 220 smtp ready\r\n\r\n" * 50)


async def endless_headers(connection: Connection) -> None:
    await connection.read_request()
    await connection.send(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000)


async def broken_gzip(connection: Connection) -> None:
    await connection.read_request()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope")


async def huge_body(connection: Connection) -> None:
    await connection.read_request()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n")
    await connection.send(b" " * 20_000_000)


async def unfolding_body(connection: Connection) -> None:
    await connection.read_request()
    packed = gzip.compress(b" " * (MAX_BODY_BYTES + 1))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
    await connection.send(head.encode() + packed)


async def silence(connection: Connection) -> None:
    await connection.read_request()
    await connection.hang()


async def silence_inside_the_body(connection: Connection) -> None:
    await connection.read_request()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    await connection.hang()


IN_DOUBT: list[tuple[Script, str]] = [
    (close_before_reading, "connection_lost|broken_answer"),
    (close_after_reading, "broken_answer"),
    (reset_after_reading, "connection_lost"),
    (reset_inside_the_headers, "connection_lost"),
    (reset_inside_the_body, "connection_lost|broken_answer"),
    (cut_off_body, "broken_answer"),
    (cut_off_chunks, "broken_answer"),
    (junk_chunks, "broken_answer"),
    (junk_instead_of_http, "broken_answer"),
    (endless_headers, "broken_answer"),
    (broken_gzip, "broken_answer"),
    (huge_body, "connection_lost"),
    (unfolding_body, "connection_lost"),
    (silence, "read_timeout"),
    (silence_inside_the_body, "read_timeout"),
]


@pytest.mark.parametrize(("script", "codes"), IN_DOUBT, ids=lambda value: getattr(value, "__name__", ""))
async def test_a_request_that_left_without_a_whole_answer_is_in_doubt(
    client: httpx.AsyncClient, script: Script, codes: str
) -> None:
    async with scripted_server(script) as server:
        ended = await call(client, client.build_request("POST", server.url, data={"a": "b"}), deadline_s=5)
    assert isinstance(ended, InDoubt)
    assert ended.code in codes.split("|")


async def test_a_refused_connection_means_never_sent(client: httpx.AsyncClient) -> None:
    request = client.build_request("POST", f"http://127.0.0.1:{free_port()}", data={"a": "b"})
    assert await call(client, request, deadline_s=5) == NeverSent("connect_failed")


async def test_a_name_that_does_not_exist_means_never_sent(client: httpx.AsyncClient) -> None:
    request = client.build_request("POST", "http://nowhere.invalid", data={"a": "b"})
    ended = await call(client, request, deadline_s=5)
    assert isinstance(ended, NeverSent)
    assert ended.code in {"connect_failed", "connect_timeout"}  # a resolver may be silent about it


async def test_a_plain_server_on_an_https_address_means_never_sent(client: httpx.AsyncClient) -> None:
    async def speak_plainly(connection: Connection) -> None:
        await connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with scripted_server(speak_plainly) as server:
        request = client.build_request("POST", f"https://127.0.0.1:{server.port}", data={"a": "b"})
        assert await call(client, request, deadline_s=5) == NeverSent("connect_failed")


async def test_a_certificate_nobody_trusts_means_never_sent(
    client: httpx.AsyncClient, server_tls: ssl.SSLContext
) -> None:
    async with scripted_server(answer_always, server_tls) as server:
        request = client.build_request("POST", f"https://127.0.0.1:{server.port}", data={"a": "b"})
        assert await call(client, request, deadline_s=5) == NeverSent("connect_failed")
    assert server.requests == []


async def test_a_certificate_of_a_trusted_authority_is_accepted(
    transports: Transports, self_signed: Path, server_tls: ssl.SSLContext
) -> None:
    trusting = transports(ssl_context=ssl.create_default_context(cafile=self_signed))
    async with scripted_server(answer_always, server_tls) as server, httpx.AsyncClient(transport=trusting) as client:
        request = client.build_request("POST", f"https://127.0.0.1:{server.port}", data={"a": "b"})
        assert await call(client, request, deadline_s=5) == Exchange(200, {})


async def test_a_trusted_certificate_of_another_host_means_never_sent(
    transports: Transports, self_signed: Path, server_tls: ssl.SSLContext
) -> None:
    trusting = transports(ssl_context=ssl.create_default_context(cafile=self_signed))
    async with scripted_server(answer_always, server_tls) as server, httpx.AsyncClient(transport=trusting) as client:
        request = client.build_request("POST", f"https://localhost:{server.port}", data={"a": "b"})
        assert await call(client, request, deadline_s=5) == NeverSent("connect_failed")
    assert server.requests == []


async def test_a_handshake_that_never_ends_means_never_sent(client: httpx.AsyncClient) -> None:
    async with scripted_server(Connection.hang) as server:
        request = client.build_request("POST", f"https://127.0.0.1:{server.port}", data={"a": "b"})
        assert await call(client, request, deadline_s=5) == NeverSent("connect_timeout")


@contextmanager
def full_backlog() -> Iterator[int]:
    """Yield the port of a listener that takes no further connection: its queue of one is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for one in waiting:
            one.close()


async def test_a_connection_that_is_not_taken_in_time_means_never_sent(client: httpx.AsyncClient) -> None:
    with full_backlog() as port:
        request = client.build_request("POST", f"http://127.0.0.1:{port}", data={"a": "b"})
        assert await call(client, request, deadline_s=5) == NeverSent("connect_timeout")


async def test_a_deadline_before_the_connection_means_never_sent(client: httpx.AsyncClient) -> None:
    with full_backlog() as port:
        request = client.build_request("POST", f"http://127.0.0.1:{port}", data={"a": "b"})
        assert await call(client, request, deadline_s=0.05) == NeverSent("deadline_passed")


async def test_a_deadline_after_the_request_left_means_in_doubt(client: httpx.AsyncClient) -> None:
    async with scripted_server(silence) as server:
        request = client.build_request("POST", server.url, data={"a": "b"})
        assert await call(client, request, deadline_s=0.1) == InDoubt("deadline_passed")


async def test_a_connection_is_kept_and_used_again(client: httpx.AsyncClient) -> None:
    async with scripted_server(answer_always) as server:
        for _ in range(3):
            assert await call(client, client.build_request("POST", server.url, data={}), deadline_s=5) == Exchange(
                200, {}
            )
    assert (server.connections, len(server.requests)) == (1, 3)


async def answer_once_then_swallow(connection: Connection) -> None:
    await connection.read_request()
    await connection.send(EMPTY_ANSWER)
    await connection.read_request()


async def test_a_post_on_a_stale_connection_is_in_doubt_and_not_repeated(client: httpx.AsyncClient) -> None:
    async with scripted_server(answer_once_then_swallow) as server:
        for expected in (Exchange(200, {}), InDoubt("broken_answer")):
            assert await call(client, client.build_request("POST", server.url, data={}), deadline_s=5) == expected
    assert len(server.requests) == 2


async def test_a_guarded_get_on_a_stale_connection_is_not_repeated(reader: httpx.AsyncClient) -> None:
    async with scripted_server(answer_once_then_swallow) as server:
        for expected in (Exchange, InDoubt):
            request = reader.build_request("GET", server.url)
            assert isinstance(await call(reader, request, deadline_s=5, before_first_byte=lambda: None), expected)
    assert len(server.requests) == 2


async def test_a_plain_read_on_a_stale_connection_is_repeated(reader: httpx.AsyncClient) -> None:
    async def answer_every_other(connection: Connection) -> None:
        await connection.read_request()
        if len(connection.server.requests) != 2:
            await connection.send(EMPTY_ANSWER)
            await connection.read_request()

    async with scripted_server(answer_every_other) as server:
        for _ in range(2):
            assert await call(reader, reader.build_request("GET", server.url), deadline_s=5) == Exchange(200, {})


async def test_a_connection_the_server_closed_while_idle_is_not_used(client: httpx.AsyncClient) -> None:
    async def answer_and_close(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(EMPTY_ANSWER)

    async with scripted_server(answer_and_close) as server:
        for _ in range(2):
            assert await call(client, client.build_request("POST", server.url, data={}), deadline_s=5) == Exchange(
                200, {}
            )
            await server.closed.wait()
            await asyncio.sleep(0.05)  # lets the FIN reach the pool
    assert server.connections == 2


async def answer_twice(connection: Connection) -> None:
    await connection.read_request()
    await connection.send(EMPTY_ANSWER)
    await asyncio.sleep(0.05)
    await connection.send(b'HTTP/1.1 201 Created\r\nContent-Length: 14\r\n\r\n{"sid": "SM1"}')
    await connection.hang()


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_answer_nobody_asked_for_is_not_taken_for_the_next_request(
    reader: httpx.AsyncClient, method: str
) -> None:
    async with scripted_server(answer_twice) as server:
        assert await call(reader, reader.build_request("POST", server.url, data={}), deadline_s=5) == Exchange(200, {})
        await server.silent.wait()
        await asyncio.sleep(0.05)  # lets the second answer reach the idle connection
        ended = await call(reader, reader.build_request(method, server.url), deadline_s=5)
    assert ended == NeverSent("connect_failed")


async def test_a_lost_lease_stops_the_request_before_its_first_byte(client: httpx.AsyncClient) -> None:
    seen = bytearray()

    async def record(connection: Connection) -> None:
        while data := await connection.reader.read(1024):
            seen.extend(data)

    def check() -> None:
        raise LeaseLost("the lease ran out")

    async with scripted_server(record) as server:
        with pytest.raises(LeaseLost):
            await call(client, client.build_request("POST", server.url), deadline_s=5, before_first_byte=check)
        await server.closed.wait()
    assert (bytes(seen), server.connections) == (b"", 1)


async def test_a_lost_lease_stops_a_read_too(reader: httpx.AsyncClient) -> None:
    def check() -> None:
        raise LeaseLost("the lease ran out")

    async with scripted_server(answer_always) as server:
        with pytest.raises(LeaseLost):
            await call(reader, reader.build_request("GET", server.url), deadline_s=5, before_first_byte=check)
        await server.closed.wait()
    assert (server.requests, server.connections) == ([], 1)


async def test_the_lease_is_checked_after_the_connection_is_open(client: httpx.AsyncClient) -> None:
    connections: list[int] = []
    async with scripted_server(answer_always) as server:
        request = client.build_request("POST", server.url, data={"a": "b"})
        await call(client, request, deadline_s=5, before_first_byte=lambda: connections.append(server.connections))
        later = client.build_request("POST", server.url, data={"a": "b"})
        await call(client, later, deadline_s=5, before_first_byte=lambda: connections.append(len(server.requests)))
    assert connections[1:] == [1]


async def test_headers_and_body_arrive_as_they_were_built(client: httpx.AsyncClient) -> None:
    async with scripted_server(answer_always) as server:
        request = client.build_request("POST", f"{server.url}/a%20b?To=%2B1", data={"Body": "é&="})
        await call(client, request, auth=httpx.BasicAuth("AC1", "token"), deadline_s=5)
    (seen,) = server.requests
    assert seen.startswith(b"POST /a%20b?To=%2B1 HTTP/1.1\r\n")
    assert seen.endswith(b"\r\n\r\nBody=%C3%A9%26%3D")
    assert b"authorization: basic qumxonrva2vu" in seen.lower()
    assert seen.lower().count(b"content-length: 17") == 1


async def test_a_cookie_of_one_account_is_not_sent_with_the_next_request(client: httpx.AsyncClient) -> None:
    async def set_cookie(connection: Connection) -> None:
        while True:
            await connection.read_request()
            await connection.send(EMPTY_ANSWER.replace(b"\r\n\r\n", b"\r\nSet-Cookie: tenant=one; Path=/\r\n\r\n"))

    async with scripted_server(set_cookie) as server:
        for _ in range(2):
            await call(client, client.build_request("POST", server.url, data={}), deadline_s=5)
    assert b"cookie" not in server.requests[1].lower()


async def test_a_redirect_is_an_answer_and_not_followed(client: httpx.AsyncClient) -> None:
    async def redirect(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")

    async with scripted_server(redirect) as server:
        ended = await call(client, client.build_request("POST", server.url, data={}), deadline_s=5)
    assert (ended, len(server.requests)) == (Exchange(307, None), 1)


async def test_a_compressed_answer_is_read(client: httpx.AsyncClient) -> None:
    async def compress(connection: Connection) -> None:
        await connection.read_request()
        packed = gzip.compress(b'{"sid": "SM1"}')
        head = f"HTTP/1.1 201 Created\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
        await connection.send(head.encode() + packed)

    async with scripted_server(compress) as server:
        ended = await call(client, client.build_request("POST", server.url, data={}), deadline_s=5)
    assert ended == Exchange(201, {"sid": "SM1"})


async def test_errors_name_no_address_and_no_content(client: httpx.AsyncClient) -> None:
    async with scripted_server(close_after_reading) as server:
        with pytest.raises(httpx.RemoteProtocolError) as caught:
            await client.post(f"{server.url}/Messages.json?To=%2B14155550100", data={"Body": "code 1234"})
    assert "4155550100" not in str(caught.value)
    assert "1234" not in str(caught.value)


def test_a_transport_of_another_loop_is_refused(transports: Transports) -> None:
    transport = transports()

    async def use(port: int) -> None:
        with pytest.raises(httpx.ConnectError):
            await transport.handle_async_request(httpx.Request("POST", f"http://127.0.0.1:{port}"))

    async def misuse() -> None:
        with pytest.raises(RuntimeError, match="another event loop"):
            await transport.handle_async_request(httpx.Request("POST", "http://127.0.0.1:1"))

    asyncio.run(use(free_port()))
    asyncio.run(misuse())
    asyncio.run(transport.aclose())
