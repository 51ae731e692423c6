"""An `httpx` transport over aiohttp whose errors tell the truth about what was sent.

* `httpx.ConnectError`, `httpx.ConnectTimeout`: not one byte of the request left this process.
* `httpx.ReadError`, `httpx.ReadTimeout`, `httpx.RemoteProtocolError`: bytes may have left, and nobody knows more.

The line between the two is a fact, not an exception class: the request's body is a payload of ours, and aiohttp calls
it where it is about to hand headers and body, in one piece, to the socket. Measured before this was written: the
transport of `httpx-aiohttp` 0.2.0 reports a connection reset *after* the request was written as `ConnectTimeout`,
which would send a code twice. The window that remains: docs/transport.md.
"""

from __future__ import annotations

import asyncio
from ssl import SSLContext
from typing import Final

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, AbstractStreamWriter
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import StreamWriter
from aiohttp.payload import BytesPayload
from yarl import URL

from providers.departure import EXTENSION, Departure, DepartureRefused
from providers.post_connection import AnswerTooLarge

#: shorter than the idle timeouts of the providers' front ends (60 s and more), so that a reused connection is fresh.
KEEPALIVE_S: Final = 15.0
#: an answer of ours is a few KiB, a page of 100 numbers about 200 KiB; more is a mistake or an attack.
MAX_BODY_BYTES: Final = 1 << 20
#: aiohttp decodes and frames the body, so the first three would mislead httpx; with the fourth httpx would keep a
#: cookie of one tenant's account and send it with the next tenant's request.
DROPPED_HEADERS: Final = frozenset({b"content-encoding", b"content-length", b"transfer-encoding", b"set-cookie"})


class GuardedPayload(BytesPayload):
    """A request body that asks its `Departure` right before aiohttp hands headers and body to the socket."""

    def __init__(self, value: bytes, departure: Departure) -> None:
        super().__init__(value)
        self._departure = departure

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Write the request; from the check to the socket there is no point where another task could run."""
        protocol = writer.protocol if isinstance(writer, StreamWriter) else None
        transport = protocol.transport if protocol is not None else None
        if transport is None or transport.is_closing():
            raise DepartureRefused("the connection closed before the request left")
        if isinstance(protocol, ResponseHandler) and len(protocol):
            # A kept-alive connection that holds an answer nobody asked for would hand us another request's fate.
            raise DepartureRefused("the connection holds an answer that belongs to another request")
        self._departure.allow()
        await super().write_with_length(writer, content_length)


class AiohttpTransport(httpx.AsyncBaseTransport):
    """One pool of connections for one event loop; created inside the loop with its first request.

    The pool has no limit: the caller's concurrency is the limit, so nothing ever waits for a connection. Redirects are
    not followed, proxies and cookies are not used, certificates are verified.

    Args:
        ssl_context: what to trust on https; None means the system's certificate authorities.
        keepalive_s: how long an idle connection is kept, in seconds.
        max_body_bytes: the largest answer that is read.
        resolver: turns host names into addresses; None means the system's.
    """

    def __init__(
        self,
        *,
        ssl_context: SSLContext | None = None,
        keepalive_s: float = KEEPALIVE_S,
        max_body_bytes: int = MAX_BODY_BYTES,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._ssl_context = ssl_context
        self._keepalive_s = keepalive_s
        self._max_body_bytes = max_body_bytes
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the whole answer, or raise an `httpx.TransportError` whose class says whether bytes left.

        Raises:
            LeaseLost: the check before the first byte failed; nothing was sent.
        """
        departure = request.extensions.get(EXTENSION) or Departure()
        session = self._open_session()
        body = await request.aread()
        departure.watch()
        try:
            return await self._exchange(session, request, GuardedPayload(body, departure), departure)
        except httpx.TransportError:
            raise
        except Exception as error:  # whatever aiohttp, ssl or the socket raises, only one fact counts: did bytes leave
            if departure.stopped_by is not None:
                raise departure.stopped_by from None
            raise _truth(error, departure) from error
        finally:
            departure.abandon()

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def _exchange(
        self, session: aiohttp.ClientSession, request: httpx.Request, payload: GuardedPayload, departure: Departure
    ) -> httpx.Response:
        async with session.request(
            request.method,
            URL(str(request.url), encoded=True),
            headers=[(name, value) for name, value in request.headers.multi_items() if name != "content-length"],
            data=payload,
            timeout=_timeout(request),
            allow_redirects=False,
        ) as response:
            if not departure.may_have_left:
                response.close()
                raise httpx.ConnectError("an answer came before the request left; the connection was dropped")
            body = await self._read(response)
        headers = [pair for pair in response.raw_headers if pair[0].lower() not in DROPPED_HEADERS]
        return httpx.Response(response.status, headers=headers, content=body, request=request)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._max_body_bytes:
                response.close()
                raise AnswerTooLarge(f"the answer is larger than {self._max_body_bytes} bytes")
        return bytes(body)

    def _open_session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is None:
            self._loop = loop
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0,
                    keepalive_timeout=self._keepalive_s,
                    ssl=True if self._ssl_context is None else self._ssl_context,
                    resolver=self._resolver,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),  # one pool serves many tenants; a cookie must not cross them
                trust_env=False,
                skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            )
        if self._loop is not loop:
            raise RuntimeError("this transport belongs to another event loop")
        return self._session


def _timeout(request: httpx.Request) -> aiohttp.ClientTimeout:
    limits = request.extensions.get("timeout", {})
    return aiohttp.ClientTimeout(
        total=None,  # the caller's deadline
        connect=limits.get("connect"),  # name, TCP and TLS together, over all addresses
        sock_read=limits.get("read"),
        ceil_threshold=3600.0,  # aiohttp rounds longer timeouts up to whole seconds
    )


def _truth(error: Exception, departure: Departure) -> httpx.TransportError:
    """Return the httpx error that says what is known; the text names the kind of error, never its content."""
    what = type(error).__name__
    timed_out = isinstance(error, TimeoutError)
    if not departure.may_have_left:
        if timed_out:
            return httpx.ConnectTimeout(f"no connection in time ({what})")
        return httpx.ConnectError(f"no connection, nothing was sent ({what})")
    if timed_out:
        return httpx.ReadTimeout(f"no answer in time ({what})")
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientResponseError | aiohttp.ClientPayloadError):
        return httpx.RemoteProtocolError(f"no whole answer ({what})")
    return httpx.ReadError(f"the connection broke ({what})")
