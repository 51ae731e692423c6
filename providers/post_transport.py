"""The transport of requests that send something: an `httpx` transport as thin as an exchange over a socket can be.

It keeps every promise of `providers.transport` (docs/transport.md) and refuses what sending does not need: it carries
POST only, and repeats nothing. Why there are two: docs/decisions/0031-a-thin-way-for-posts.md.
"""

from __future__ import annotations

import asyncio
import zlib
from ssl import SSLContext
from typing import Final

import httpx

from providers.departure import EXTENSION, Departure
from providers.post_connection import Answer, AnswerTooLarge, Headers, Limits
from providers.post_pool import Peer, Pool
from providers.transport import DROPPED_HEADERS, KEEPALIVE_S, MAX_BODY_BYTES

_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
#: the framing is ours, and so is the host, whatever a request says.
_OUR_HEADERS: Final = frozenset({b"host", b"content-length", b"transfer-encoding", b"connection"})
#: for `zlib`: take the format, gzip or zlib, from the data.
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS


class PostTransport(httpx.AsyncBaseTransport):
    """One pool of connections for one event loop; it belongs to the loop of its first request.

    Redirects are not followed, proxies and cookies are not used, certificates are verified.

    Args:
        connect_s: how long a connection may take to open, name, TCP and TLS together, in seconds.
        read_s: the silence after the request was written, and between two parts of the answer, in seconds.
        ssl_context: what to trust on https; None means the system's certificate authorities.
        keepalive_s: how long an idle connection is kept, in seconds.
        max_body_bytes: the largest body that is read.
    """

    def __init__(
        self,
        *,
        connect_s: float,
        read_s: float,
        ssl_context: SSLContext | None = None,
        keepalive_s: float = KEEPALIVE_S,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self._connect_s = connect_s
        self._max_body_bytes = max_body_bytes
        self._pool = Pool(Limits(read_s, keepalive_s, max_body_bytes), ssl_context=ssl_context)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the whole answer, or raise an `httpx.TransportError` whose class says whether bytes left.

        Raises:
            LeaseLost: the check before the first byte failed; nothing was sent.
        """
        self._belong(asyncio.get_running_loop())
        departure = request.extensions.get(EXTENSION) or Departure()
        departure.watch()
        try:
            answer = await self._exchange(request, departure)
            return self._response(request, answer)
        except httpx.TransportError:
            raise
        except Exception as error:  # whatever the parser, ssl or the socket raises: did bytes leave
            if departure.stopped_by is not None:
                raise departure.stopped_by from None
            raise _truth(error, departure) from error
        finally:
            departure.abandon()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()

    def _belong(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise RuntimeError("this transport belongs to another event loop")

    async def _exchange(self, request: httpx.Request, departure: Departure) -> Answer:
        written = _written(request, await request.aread())
        peer = _peer(request.url)
        connection = self._pool.idle(peer)
        if connection is None:
            async with asyncio.timeout(self._connect_s):
                connection = await self._pool.open(peer)
        try:
            waiter = connection.exchange(written, departure)
        except BaseException:
            connection.abort()
            raise
        try:
            end = await waiter
        finally:
            connection.give_up(waiter)
        if isinstance(end, httpx.TransportError):
            raise end
        return end

    def _response(self, request: httpx.Request, answer: Answer) -> httpx.Response:
        kept: Headers = []
        body = answer.body
        for header in answer.headers:
            name = header[0].lower()
            if name == b"content-encoding":
                if body and header[1].strip().lower() != b"identity":  # a 429 may have no body, and still this header
                    body = _unfolded(body, self._max_body_bytes)
            elif name not in DROPPED_HEADERS:
                kept.append(header)
        if len(body) > self._max_body_bytes:
            raise AnswerTooLarge(f"the answer is larger than {self._max_body_bytes} bytes")
        return httpx.Response(answer.status, headers=kept, stream=httpx.ByteStream(body), request=request)


def _peer(url: httpx.URL) -> Peer:
    return Peer(url.scheme == "https", url.raw_host.decode("ascii"), url.port or _DEFAULT_PORTS[url.scheme])


def _written(request: httpx.Request, body: bytes) -> bytes:
    """Return the bytes of a request.

    Raises:
        httpx.UnsupportedProtocol: it is no POST over HTTP.
        ValueError: a header holds the end of a line, and would begin another.
    """
    if request.method != "POST" or request.url.scheme not in _DEFAULT_PORTS:
        raise httpx.UnsupportedProtocol("only POST over HTTP is carried")
    lines = [b"POST %b HTTP/1.1" % request.url.raw_path, b"Host: %b" % request.url.netloc]
    lines += [b"%b: %b" % header for header in request.headers.raw if header[0].lower() not in _OUR_HEADERS]
    lines.append(b"Content-Length: %d" % len(body))
    head = b"\r\n".join(lines)
    breaks = len(lines) - 1
    if head.count(b"\n") != breaks or head.count(b"\r") != breaks or b"\0" in head:
        raise ValueError("a header holds the end of a line")
    return b"%b\r\n\r\n%b" % (head, body)


def _unfolded(body: bytes, max_bytes: int) -> bytes:
    """Return a compressed body, which nobody asked for, as it was; of one that is too large, too much."""
    unfolding = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        unfolded = unfolding.decompress(body, max_bytes + 1)
    except zlib.error:
        raise httpx.RemoteProtocolError("no whole answer (compressed in an unknown way)") from None
    if len(unfolded) <= max_bytes and not unfolding.eof:
        raise httpx.RemoteProtocolError("no whole answer (compressed and cut off)")
    return unfolded


def _truth(error: Exception, departure: Departure) -> httpx.TransportError:
    """Return the httpx error that says what is known; the text names the kind of error, never its content."""
    what = type(error).__name__
    if departure.may_have_left:
        return httpx.ReadError(f"the connection broke ({what})")
    if isinstance(error, TimeoutError):
        return httpx.ConnectTimeout(f"no connection in time ({what})")
    return httpx.ConnectError(f"no connection, nothing was sent ({what})")
