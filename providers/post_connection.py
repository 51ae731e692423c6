"""One HTTP/1.1 connection that carries one exchange at a time; parsed by `httptools`, which is Node's `llhttp`.

Only for requests with a body of known length whose answer is small: `providers.post_transport`.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, cast

import httpx
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from providers.departure import Departure, DepartureRefused

#: no head of an answer comes near; the parser itself has no limit.
MAX_HEAD_BYTES: Final = 64 << 10
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, its body as it came over the wire but without the framing."""

    status: int
    headers: Headers
    body: bytes


class AnswerTooLarge(httpx.ReadError):
    """The answer's body is larger than any answer this client asks for."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a connection may be silent, and how much it may say.

    Attributes:
        read_s: the silence after the request was written, and between two parts of the answer, in seconds.
        keepalive_s: how long it is kept without a request, in seconds.
        max_body_bytes: the largest body of an answer.
    """

    read_s: float
    keepalive_s: float
    max_body_bytes: int


#: How one exchange ended: an error says that the request may have been read, since it was written.
End = Answer | httpx.TransportError


class Connection(asyncio.Protocol):
    """A connection of a pool.

    Args:
        limits: the times and sizes it keeps to.
        rest: called when an exchange has ended and the connection may be used again.
        forget: called when the connection has closed.
    """

    def __init__(
        self, limits: Limits, *, rest: Callable[[Connection], object], forget: Callable[[Connection], object]
    ) -> None:
        self._limits = limits
        self._rest = rest
        self._forget = forget
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = HttpResponseParser(self)
        self._timer: asyncio.TimerHandle | None = None
        self._heard_at = 0.0
        self._waiter: asyncio.Future[End] | None = None
        self._received = 0
        self._headers: Headers = []
        self._body = bytearray()
        self._has_head = False
        self._answer: Answer | None = None
        self._may_rest = False

    @property
    def is_open(self) -> bool:
        """Whether a request can be written."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def is_fresh(self) -> bool:
        """Whether one more request can be written: it is open, not idle for too long, and nothing has come meanwhile.

        Asks the socket, since a busy loop has not read yet what lies there: the end of the connection, on which a
        request would be lost, or an answer nobody asked for, which the next request would take for its own.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if self._loop.time() - self._heard_at >= self._limits.keepalive_s:  # the loop stood still, and so did `_watch`
            return False
        unread = select.poll()
        unread.register(transport.get_extra_info("socket"), select.POLLIN)
        return not unread.poll(0)

    def exchange(self, request: bytes, departure: Departure) -> asyncio.Future[End]:
        """Write a request, and return what will hold its end.

        From the last check of the departure to the write there is no point where another task could run. asyncio sends
        at once what the socket takes; uvloop does at the end of the loop's turn.

        Raises:
            DepartureRefused: the connection closed before.
            Exception: whatever the check raised; nothing was written.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            raise DepartureRefused("the connection closed before the request left")
        departure.allow()
        self._waiter = waiter = self._loop.create_future()
        self._received, self._has_head, self._answer = 0, False, None
        self._heard_at = self._loop.time()
        transport.write(request)
        return waiter

    def give_up(self, waiter: asyncio.Future[End]) -> None:
        """Close, unless the exchange has ended: its answer must not meet the next request."""
        if self._waiter is waiter:
            self.abort()

    def abort(self) -> None:
        """Close at once."""
        self._fail(httpx.ReadError("the connection was closed"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to watch the time."""
        self._transport = cast("asyncio.Transport", transport)
        self._heard_at = self._loop.time()
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take a part of the answer."""
        if self._waiter is None:  # an answer nobody asked for; no request may take it for its own
            self.abort()
            return
        self._heard_at = self._loop.time()
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._may_rest = False
            if self._answer is None:
                self._fail(httpx.RemoteProtocolError(f"no whole answer ({type(error).__name__})"))
                return
        if self._answer is not None:
            self._end(self._answer)
        elif not self._has_head and self._received > MAX_HEAD_BYTES:
            self._fail(httpx.RemoteProtocolError("the head of the answer is too large"))
        elif self._received > MAX_HEAD_BYTES + self._limits.max_body_bytes:
            self._fail(AnswerTooLarge(f"the answer is larger than {self._limits.max_body_bytes} bytes"))

    def connection_lost(self, exc: Exception | None) -> None:
        """End the exchange: only an answer without a length is whole now, and only without an error."""
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        if exc is not None:
            self._end(httpx.ReadError(f"the connection broke ({type(exc).__name__})"))
        elif self._has_head and not any(name.lower() in _FRAMING for name, _ in self._headers):
            self._end(Answer(self._parser.get_status_code(), self._headers, bytes(self._body)))
        else:
            self._end(httpx.RemoteProtocolError("no whole answer (closed)"))
        self._forget(self)

    def on_message_begin(self) -> None:
        """Begin an answer; one more after the whole one says that this connection is not to be trusted."""
        self._headers, self._body = [], bytearray()
        self._may_rest = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what trails a body is none."""
        if not self._has_head:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Take the end of the headers."""
        self._has_head = True

    def on_body(self, data: bytes) -> None:
        """Take a part of the body."""
        self._body += data

    def on_message_complete(self) -> None:
        """Take the end of an answer, unless it is an interim one (100, 103): the answer is still to come."""
        status = self._parser.get_status_code()
        if status < HTTPStatus.OK:
            self._has_head = False
        elif self._answer is None:
            self._answer = Answer(status, self._headers, bytes(self._body))
            self._may_rest = self._parser.should_keep_alive()

    def _fail(self, error: httpx.TransportError) -> None:
        self._may_rest = False
        self._end(error)

    def _end(self, end: End) -> None:
        waiter, self._waiter = self._waiter, None
        transport = self._transport
        if transport is not None:
            # the rest of a request that was answered too early would be read as the next one
            if self._may_rest and not transport.is_closing() and not transport.get_write_buffer_size():
                self._rest(self)
            else:  # even if it is closing: that waits until all that is buffered has been written
                transport.abort()
        if waiter is not None and not waiter.done():
            waiter.set_result(end)

    def _watch(self) -> None:
        """Close when it was silent too long.

        One timer goes on for the life of the connection: to start and cancel one for every request would cost more
        than to write the request.
        """
        now = self._loop.time()
        due = self._heard_at + (self._limits.keepalive_s if self._waiter is None else self._limits.read_s)
        if now < due:
            # an exchange may begin at any time, and its silence is then counted from there
            shorter = min(self._limits.read_s, self._limits.keepalive_s)
            self._timer = self._loop.call_at(min(due, now + shorter), self._watch)
        elif self._waiter is None:
            self.abort()
        else:
            self._fail(httpx.ReadTimeout("no answer in time"))
