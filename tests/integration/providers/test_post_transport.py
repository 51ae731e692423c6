"""What only the transport of posts does, over real sockets; what both promise is in `test_transport`."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from providers.http import Call, Exchange, InDoubt, NeverSent, post
from providers.post_transport import PostTransport
from providers.posting import Poster
from tests.support.redis_server import free_port
from tests.support.scripted_server import EMPTY_ANSWER, Connection, Script, scripted_server

pytestmark = pytest.mark.integration

ACCEPTED = b'HTTP/1.1 201 Created\r\nContent-Length: 14\r\n\r\n{"sid": "SM1"}'


@pytest.fixture
async def transport() -> AsyncIterator[PostTransport]:
    opened = PostTransport(connect_s=1, read_s=1)
    yield opened
    await opened.aclose()


async def end_of(
    transport: PostTransport, url: str, *, body: bytes = b"a=b", deadline_s: float = 5, token: bytes = b"token"
) -> Call:
    poster = Poster(transport, ((b"User-Agent", b"trunkline/1"),))
    headers = ((b"Authorization", b"Bearer " + token),)
    return await poster.post(url, headers, body, deadline_s=deadline_s, before_first_byte=lambda: None)


def answering(*answers: bytes) -> Script:
    """Plays a server that gives these answers in turn to the requests of all its connections."""
    left = list(answers)

    async def play(connection: Connection) -> None:
        while left:
            await connection.read_request()
            await connection.send(left.pop(0))
        await connection.hang()

    return play


async def test_a_request_is_what_was_asked_for_and_its_framing(transport: PostTransport) -> None:
    async with scripted_server(answering(ACCEPTED)) as server:
        ended = await end_of(transport, f"{server.url}/a%20b?To=%2B1")
    assert ended == Exchange(201, {"sid": "SM1"})
    assert server.requests == [
        b"POST /a%%20b?To=%%2B1 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: trunkline/1\r\n"
        b"Authorization: Bearer token\r\nContent-Length: 3\r\n\r\na=b" % server.port
    ]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ACCEPTED,
        b"HTTP/1.1 100 Continue\r\n\r\n" + ACCEPTED,
        b'HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"sid\r\n9\r\n": "SM1"}\r\n0\r\nX: y\r\n\r\n',
        b"\r\n" + ACCEPTED,
    ],
    ids=["early hints", "continue", "chunks with a trailer", "an empty line before it"],
)
async def test_an_answer_is_read_however_it_is_framed(transport: PostTransport, answer: bytes) -> None:
    async with scripted_server(answering(answer, ACCEPTED)) as server:
        for _ in range(2):
            assert await end_of(transport, server.url) == Exchange(201, {"sid": "SM1"})
    assert server.connections == 1


@pytest.mark.parametrize(
    ("answer", "ended"),
    [
        (ACCEPTED.replace(b"\r\n\r\n", b"\r\nContent-Encoding: identity\r\n\r\n"), Exchange(201, {"sid": "SM1"})),
        (b"HTTP/1.1 429 Busy\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", Exchange(429, None)),
    ],
    ids=["identity", "no body"],
)
async def test_a_body_that_is_not_compressed_is_read_whatever_its_header_says(
    transport: PostTransport, answer: bytes, ended: Exchange
) -> None:
    async with scripted_server(answering(answer)) as server:
        assert await end_of(transport, server.url) == ended


async def test_an_answer_without_a_length_ends_with_its_connection(transport: PostTransport) -> None:
    async def answer_and_close(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(b'HTTP/1.1 201 Created\r\n\r\n{"sid": "SM1"}')

    async with scripted_server(answer_and_close) as server:
        assert await end_of(transport, server.url) == Exchange(201, {"sid": "SM1"})


@pytest.mark.parametrize(
    "answer",
    [
        ACCEPTED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        ACCEPTED.replace(b"HTTP/1.1", b"HTTP/1.0"),
        ACCEPTED + ACCEPTED,
        ACCEPTED + b"H",
        ACCEPTED + b"\x00\x00",
    ],
    ids=["close", "1.0", "two answers", "an answer and a bit", "an answer and junk"],
)
async def test_a_connection_that_may_not_be_used_again_is_not(transport: PostTransport, answer: bytes) -> None:
    async with scripted_server(answering(answer, EMPTY_ANSWER)) as server:
        assert await end_of(transport, server.url) == Exchange(201, {"sid": "SM1"})
        assert await end_of(transport, server.url) == Exchange(200, {})
    assert server.connections == 2


async def test_a_connection_with_an_answer_nobody_asked_for_is_closed(transport: PostTransport) -> None:
    async def answer_twice(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(EMPTY_ANSWER)
        if connection.server.connections == 1:
            await asyncio.sleep(0.05)
            await connection.send(ACCEPTED)
        await connection.hang()

    async with scripted_server(answer_twice) as server:
        assert await end_of(transport, server.url) == Exchange(200, {})
        await server.closed.wait()
        assert await end_of(transport, server.url) == Exchange(200, {})
    assert server.connections == 2


def send_an_answer(connection: Connection) -> None:
    connection.writer.write(ACCEPTED)


def close(connection: Connection) -> None:
    connection.writer.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("is_tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("disturb", [send_an_answer, close])
async def test_what_happened_to_a_connection_while_the_loop_was_busy_is_seen_before_it_is_used_again(
    disturb: Callable[[Connection], None], is_tls: bool, self_signed: Path, server_tls: ssl.SSLContext
) -> None:
    taken: list[Connection] = []

    async def answer_always(connection: Connection) -> None:
        taken.append(connection)
        while True:
            await connection.read_request()
            await connection.send(EMPTY_ANSWER)

    transport = PostTransport(connect_s=1, read_s=1, ssl_context=ssl.create_default_context(cafile=self_signed))
    async with scripted_server(answer_always, server_tls if is_tls else None) as server:
        url = f"https://127.0.0.1:{server.port}" if is_tls else server.url
        assert await end_of(transport, url) == Exchange(200, {})
        disturb(taken[0])  # and the loop does not turn before the next request is written
        assert await end_of(transport, url) == Exchange(200, {})
    assert len(taken) == 2
    await transport.aclose()


async def test_a_late_answer_is_not_taken_for_the_next_request(transport: PostTransport) -> None:
    async def answer_late_once(connection: Connection) -> None:
        await connection.read_request()
        if connection.server.connections == 1:
            await asyncio.sleep(0.2)
            if connection.writer.is_closing():
                return
        await connection.send(ACCEPTED if connection.server.connections == 1 else EMPTY_ANSWER)
        await connection.hang()

    async with scripted_server(answer_late_once) as server:
        assert await end_of(transport, server.url, deadline_s=0.1) == InDoubt("deadline_passed")
        assert await end_of(transport, server.url) == Exchange(200, {})


async def test_a_connection_whose_request_was_answered_too_early_is_not_used_again(transport: PostTransport) -> None:
    async def answer_at_once(connection: Connection) -> None:
        await connection.reader.readuntil(b"\r\n\r\n")
        await connection.send(ACCEPTED.replace(b"201 Created", b"413 Too Large"))
        await connection.hang()

    async with scripted_server(answer_at_once) as server:
        for _ in range(2):
            ended = await end_of(transport, server.url, body=b"x" * 20_000_000)
            assert isinstance(ended, Exchange)
            assert ended.status == 413
    assert server.connections == 2


async def test_what_was_given_up_is_not_written_any_further(transport: PostTransport) -> None:
    given_up, written = asyncio.Event(), bytearray()

    async def say_no_more_and_read_later(connection: Connection) -> None:
        await connection.reader.readuntil(b"\r\n\r\n")
        connection.writer.write_eof()
        await given_up.wait()
        while data := await connection.reader.read(1 << 20):
            written.extend(data)

    body = b"x" * 20_000_000
    async with scripted_server(say_no_more_and_read_later) as server:
        assert await end_of(transport, server.url, body=body, deadline_s=0.3) == InDoubt("deadline_passed")
        given_up.set()
        await server.closed.wait()
    assert len(written) < len(body)


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", b"HTTP/1.1 099 \r\n\r\n"]
)
async def test_an_answer_that_ends_no_request_is_in_doubt(transport: PostTransport, answer: bytes) -> None:
    async with scripted_server(answering(answer)) as server:
        ended = await end_of(transport, server.url, deadline_s=0.5)
    assert isinstance(ended, InDoubt)


async def test_interim_answers_without_end_are_bounded(transport: PostTransport) -> None:
    async with scripted_server(answering(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100_000)) as server:
        assert await end_of(transport, server.url) == InDoubt("broken_answer")


async def test_an_idle_connection_is_closed_after_a_while() -> None:
    transport = PostTransport(connect_s=1, read_s=1, keepalive_s=0.05)
    async with scripted_server(answering(ACCEPTED, ACCEPTED)) as server:
        await end_of(transport, server.url)
        await server.closed.wait()
    await transport.aclose()


async def test_silence_counts_from_the_request_and_not_from_the_answer_before() -> None:
    transport = PostTransport(connect_s=1, read_s=0.4, keepalive_s=60)

    async def take_time_later(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(ACCEPTED)
        await connection.read_request()
        await asyncio.sleep(0.25)
        await connection.send(ACCEPTED)
        await connection.read_request()
        await connection.hang()

    async with scripted_server(take_time_later) as server:
        for expected in (Exchange(201, {"sid": "SM1"}), Exchange(201, {"sid": "SM1"}), InDoubt("read_timeout")):
            assert await end_of(transport, server.url) == expected
            await asyncio.sleep(0.25)
    await transport.aclose()


async def test_a_token_cannot_add_a_header(transport: PostTransport) -> None:
    async with scripted_server(answering(ACCEPTED)) as server:
        for token in (b"a\r\nX: y", b"a\nX: y", b"a\rX: y", b"a\0"):
            assert await end_of(transport, server.url, token=token) == NeverSent("connect_failed")
    assert server.requests == []


@pytest.mark.parametrize(
    "request_", [httpx.Request("GET", "http://127.0.0.1:1"), httpx.Request("POST", "ftp://127.0.0.1:1")], ids=str
)
async def test_anything_but_a_post_over_http_is_refused(transport: PostTransport, request_: httpx.Request) -> None:
    ended = await post(transport, request_, deadline_s=1, before_first_byte=lambda: None)
    assert ended == NeverSent("connect_failed")


async def test_a_closed_transport_ends_what_is_under_way(transport: PostTransport) -> None:
    async with scripted_server(Connection.hang) as server:
        waiting = asyncio.create_task(end_of(transport, server.url))
        await server.silent.wait()
        await asyncio.sleep(0.05)
        await transport.aclose()
        assert await waiting == InDoubt("connection_lost")


async def test_a_request_that_is_still_connecting_when_its_transport_closes_is_never_sent(
    transport: PostTransport,
) -> None:
    async with scripted_server(answering(ACCEPTED)) as server:
        connecting = asyncio.create_task(end_of(transport, server.url))
        await asyncio.sleep(0)
        await transport.aclose()
        assert await connecting == NeverSent("connect_failed")
        assert await end_of(transport, server.url) == NeverSent("connect_failed")
    assert server.requests == []


def test_the_ends_are_the_same_on_uvloop() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def reset(connection: Connection) -> None:
        await connection.read_request()
        connection.writer.transport.abort()

    async def ends() -> list[Call]:
        transport = PostTransport(connect_s=1, read_s=0.2)
        async with scripted_server(answering(ACCEPTED, ACCEPTED)) as server:
            ended = [await end_of(transport, server.url) for _ in range(2)]
            assert server.connections == 1
        for script in (reset, Connection.hang):
            async with scripted_server(script) as server:
                ended.append(await end_of(transport, server.url))
        ended.append(await end_of(transport, f"http://127.0.0.1:{free_port()}"))
        await transport.aclose()
        return ended

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(ends()) == [
            *[Exchange(201, {"sid": "SM1"})] * 2,
            InDoubt("broken_answer"),
            InDoubt("read_timeout"),
            NeverSent("connect_failed"),
        ]
