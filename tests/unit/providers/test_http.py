from __future__ import annotations

import asyncio
import logging

import httpx
import pytest

from providers.http import Call, Exchange, InDoubt, NeverSent, call, keep_urls_out_of_logs
from providers.protocol import LeaseLost


async def end_of(handler: object, deadline_s: float = 5) -> Call:
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:  # type: ignore[arg-type]
        request = client.build_request("POST", "https://provider.example/x")
        return await call(client, request, deadline_s=deadline_s, request_id_header="X-Request-Id")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (httpx.ConnectError("x"), NeverSent("connect_failed")),
        (httpx.ConnectTimeout("x"), NeverSent("connect_timeout")),
        (httpx.PoolTimeout("x"), NeverSent("connect_failed")),
        (httpx.UnsupportedProtocol("x"), NeverSent("connect_failed")),
        (httpx.ReadTimeout("x"), InDoubt("read_timeout")),
        (httpx.WriteTimeout("x"), InDoubt("read_timeout")),
        (httpx.ReadError("x"), InDoubt("connection_lost")),
        (httpx.WriteError("x"), InDoubt("connection_lost")),
        (httpx.CloseError("x"), InDoubt("connection_lost")),
        (httpx.RemoteProtocolError("x"), InDoubt("broken_answer")),
        (httpx.DecodingError("x"), InDoubt("broken_answer")),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_an_error_says_whether_the_request_left(error: Exception, expected: Call) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error

    assert await end_of(fail) == expected


async def test_a_lost_lease_goes_through() -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise LeaseLost("the lease ran out")

    with pytest.raises(LeaseLost):
        await end_of(fail)


async def test_the_deadline_is_in_doubt_unless_a_transport_knows_better() -> None:
    async def hang(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    assert await end_of(hang, deadline_s=0.01) == InDoubt("deadline_passed")


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"\xff\xfe\x00", b"[" * 100_000, b"9" * 10_000, b'{"a": '],
    ids=["empty", "html", "bytes", "nested", "long number", "cut off"],
)
async def test_an_answer_that_is_not_json_has_no_body(content: bytes) -> None:
    assert await end_of(lambda request: httpx.Response(502, content=content)) == Exchange(502, None)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "1e308"}, 604_800.0),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT", "Date": "Mon, 01 Jan 0001 00:00:00 GMT"}, 604_800.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Sun, 01 Nov 2026 12:00:30 GMT", "Date": "Sun, 01 Nov 2026 12:00:00 GMT"}, 30.0),
        ({"Retry-After": "Sun, 01 Nov 2026 12:00:30 GMT"}, None),
        ({}, None),
    ],
)
async def test_retry_after_is_read_in_both_forms(headers: dict[str, str], expected: float | None) -> None:
    ended = await end_of(lambda request: httpx.Response(429, headers=headers))
    assert isinstance(ended, Exchange)
    assert ended.retry_after_s == expected


async def test_the_id_of_the_exchange_is_kept() -> None:
    ended = await end_of(lambda request: httpx.Response(201, headers={"X-Request-Id": "RQ1"}, json={"sid": "SM1"}))
    assert ended == Exchange(201, {"sid": "SM1"}, request_id="RQ1")


@pytest.mark.parametrize(("body", "expected"), [({"a": 1}, 1), ({}, None), ([1], None), ("a", None), (None, None)])
def test_a_field_of_anything_but_an_object_is_none(body: object, expected: object) -> None:
    assert Exchange(200, body).field("a") == expected


async def test_no_url_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    keep_urls_out_of_logs()
    keep_urls_out_of_logs()
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda request: httpx.Response(200))) as client:
        request = client.build_request("GET", "https://provider.example/x?To=%2B14155550100")
        await call(client, request, deadline_s=5)
    assert "4155550100" not in caplog.text


def test_an_answer_does_not_show_its_body() -> None:
    assert "very-secret" not in repr(Exchange(200, {"auth_token": "very-secret"}))
