"""What every peer's task does: one POST to the simulated provider, with the fields and credentials of Trunkline's."""

from __future__ import annotations

import base64
import http.client
import json
import os
import threading
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlencode, urlsplit

import httpx

REDIS_URL: Final = os.environ.get("BENCH_REDIS_URL", "redis://127.0.0.1:6379/0")
PROVIDER_URL: Final = os.environ.get("BENCH_PROVIDER_URL", "http://127.0.0.1:8900")
IN_FLIGHT: Final = int(os.environ.get("BENCH_IN_FLIGHT", "200"))
ACCOUNT: Final = "AC" + 32 * "0"
PATH: Final = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
TIMEOUT_S: Final = 10.0
UNLIMITED: Final = httpx.Limits(max_connections=None, max_keepalive_connections=None)
_AUTH: Final = (ACCOUNT, "a-token")
_BASIC: Final = "Basic " + base64.b64encode(":".join(_AUTH).encode()).decode()
_FORM: Final = "application/x-www-form-urlencoded"
_RECIPIENTS: Final = 10_000
_of_thread = threading.local()


def form(body: str) -> dict[str, str]:
    """Return the fields of a message with this text."""
    return {"To": f"+1212555{int(body[-7:]) % _RECIPIENTS:04}", "From": "200000", "Body": body}


def bodies(count: int) -> Iterator[str]:
    """Yield the texts of so many messages, each of them once and as long as Trunkline's."""
    return (f"Your code is job-{place:07}" for place in range(count))


def send_by_httpx(body: str) -> None:
    """Send with one httpx client per thread: a pool that threads share costs many times as much."""
    client: httpx.Client | None = getattr(_of_thread, "client", None)
    if client is None:
        client = _of_thread.client = httpx.Client(auth=_AUTH, timeout=TIMEOUT_S, verify=False, trust_env=False)  # noqa: S501 - plain http
    answer = client.post(PROVIDER_URL + PATH, data=form(body))
    answer.raise_for_status()
    _check(answer.json())


def send_by_http_client(body: str) -> None:
    """Send with the standard library, one connection per thread: the cheapest that threads can do."""
    connection: http.client.HTTPConnection | None = getattr(_of_thread, "connection", None)
    if connection is None:
        connection = http.client.HTTPConnection(urlsplit(PROVIDER_URL).netloc, timeout=TIMEOUT_S)
        _of_thread.connection = connection
    connection.request("POST", PATH, urlencode(form(body)), {"Authorization": _BASIC, "Content-Type": _FORM})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status >= http.client.BAD_REQUEST:
        raise RuntimeError(f"refused: {answer.status}")
    _check(json.loads(content))


def asyncio_client(transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    """Return a client for `send_by_asyncio`."""
    return httpx.AsyncClient(transport=transport, auth=_AUTH, timeout=TIMEOUT_S)


async def send_by_asyncio(client: httpx.AsyncClient, body: str) -> None:
    """Send with one asynchronous client for all."""
    answer = await client.post(PROVIDER_URL + PATH, data=form(body))
    answer.raise_for_status()
    _check(answer.json())


def aiohttp_client() -> httpx.AsyncClient:
    """Return a client over aiohttp, as httpx-aiohttp builds it; its own pool costs many times as much."""
    from httpx_aiohttp import AiohttpTransport  # noqa: PLC0415 - only the environments of peers have it

    return asyncio_client(AiohttpTransport(limits=UNLIMITED))


def _check(message: dict[str, object]) -> None:
    if not message["sid"]:
        raise RuntimeError("no id")
