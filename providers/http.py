"""One HTTP call whose end is data: an answer, never sent, or in doubt.

No provider code handles an exception of the HTTP client; it matches on these three instead.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import httpx

from providers.departure import EXTENSION, Departure
from providers.gateway_hosts import AddressNotAllowed

CONNECT_FAILED: Final = "connect_failed"
CONNECT_TIMEOUT: Final = "connect_timeout"
READ_TIMEOUT: Final = "read_timeout"
CONNECTION_LOST: Final = "connection_lost"
BROKEN_ANSWER: Final = "broken_answer"
DEADLINE_PASSED: Final = "deadline_passed"
ADDRESS_NOT_ALLOWED: Final = "address_not_allowed"

_LONGEST_WAIT_S: Final = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """A whole answer.

    Attributes:
        body: the parsed JSON, None if the answer is not JSON (or is JSON null); not shown, since lists of messages hold
            recipients and texts, and Twilio's answer about an account its auth token.
        retry_after_s: what `Retry-After` asks for, in seconds.
        request_id: the provider's id of this exchange.
    """

    status: int
    body: object = field(repr=False)
    retry_after_s: float | None = None
    request_id: str | None = None

    @property
    def is_success(self) -> bool:
        """Whether the status is a 2xx."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    def field(self, name: str) -> object:
        """Return a field of a JSON object, None if the body is anything else or lacks it."""
        return self.body.get(name) if isinstance(self.body, dict) else None


@dataclass(frozen=True, slots=True)
class NeverSent:
    """Not one byte of the request left; `code` says why."""

    code: str


@dataclass(frozen=True, slots=True)
class InDoubt:
    """Bytes of the request may have left and no whole answer came; `code` says why."""

    code: str


Call = Exchange | NeverSent | InDoubt


async def call(
    client: httpx.AsyncClient,
    request: httpx.Request,
    *,
    auth: httpx.Auth | None = None,
    deadline_s: float,
    request_id_header: str | None = None,
    before_first_byte: Callable[[], None] | None = None,
) -> Call:
    """Return how one request ended, after `deadline_s` at the latest.

    Args:
        client: the client of the provider.
        request: the request, built by this client.
        auth: the credentials, None if the request carries them.
        deadline_s: how long the call may take, in seconds.
        request_id_header: the answer's header that names the exchange for the provider's support.
        before_first_byte: the last check before the request leaves.

    Raises:
        LeaseLost: from `before_first_byte`; nothing was sent.
    """
    departure = _departing(request, before_first_byte)
    response = await _end_of(client.send(request, auth=auth), deadline_s, departure)
    if not isinstance(response, httpx.Response):
        return response
    return _exchange(response, response.content, request_id_header)


async def post(
    transport: httpx.AsyncBaseTransport,
    request: httpx.Request,
    *,
    deadline_s: float,
    request_id_header: str | None = None,
    before_first_byte: Callable[[], None],
) -> Call:
    """Return how one request ended that a transport takes as it is; the arguments are those of `call`.

    What `httpx.AsyncClient` does besides is either refused here (redirects, cookies, hooks, proxies) or done by the
    caller once for all requests (the URL, the headers), and costs more than the exchange itself.

    Raises:
        LeaseLost: from `before_first_byte`; nothing was sent.
    """
    departure = _departing(request, before_first_byte)
    response = await _end_of(transport.handle_async_request(request), deadline_s, departure)
    if not isinstance(response, httpx.Response):
        return response
    if not isinstance(response.stream, httpx.ByteStream):
        raise TypeError("a transport of posts reads the whole answer")
    return _exchange(response, b"".join(response.stream), request_id_header)


def _departing(request: httpx.Request, before_first_byte: Callable[[], None] | None) -> Departure:
    departure = Departure(before_first_byte)
    request.extensions[EXTENSION] = departure
    return departure


def _exchange(response: httpx.Response, content: bytes, request_id_header: str | None) -> Exchange:
    headers = response.headers
    return Exchange(
        response.status_code,
        _json(content),
        retry_after_s=_retry_after_s(headers),
        request_id=headers.get(request_id_header) if request_id_header else None,
    )


async def _end_of(
    answer: Awaitable[httpx.Response], deadline_s: float, departure: Departure
) -> httpx.Response | NeverSent | InDoubt:
    """Return the whole answer, or what its absence says."""
    try:
        async with asyncio.timeout(deadline_s):
            return await answer
    except TimeoutError:
        return InDoubt(DEADLINE_PASSED) if departure.may_have_left else NeverSent(DEADLINE_PASSED)
    except AddressNotAllowed:
        return NeverSent(ADDRESS_NOT_ALLOWED)
    except httpx.ConnectTimeout:
        return NeverSent(CONNECT_TIMEOUT)
    except (httpx.ConnectError, httpx.PoolTimeout, httpx.UnsupportedProtocol):
        return NeverSent(CONNECT_FAILED)
    except httpx.TimeoutException:
        return InDoubt(READ_TIMEOUT)
    except (httpx.ProtocolError, httpx.DecodingError):
        return InDoubt(BROKEN_ANSWER)
    except httpx.HTTPError:
        return InDoubt(CONNECTION_LOST)


def keep_urls_out_of_logs() -> None:
    """Stop httpx from logging the URL of every request: the query of a lookup holds the recipient's number."""
    logger = logging.getLogger("httpx")
    if _only_warnings not in logger.filters:
        logger.addFilter(_only_warnings)


def _only_warnings(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


def _json(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):  # not JSON, not text, a number of 5,000 digits, or nesting meant to harm
        return None


def _retry_after_s(headers: httpx.Headers) -> float | None:
    """Return what `Retry-After` asks for: seconds, or a date that is read against the answer's own `Date`.

    It is at most a week: a job lives no longer, and no answer may name a number of seconds that no date can hold.
    """
    asked = headers.get("retry-after")
    if asked is None:
        return None
    try:
        seconds = float(asked)
    except ValueError:
        seconds = _seconds_between(headers.get("date", ""), asked.strip())
    return min(seconds, _LONGEST_WAIT_S) if math.isfinite(seconds) and seconds >= 0 else None


def _seconds_between(start: str, end: str) -> float:
    try:
        return (parsedate_to_datetime(end) - parsedate_to_datetime(start)).total_seconds()
    except (ValueError, TypeError, OverflowError):  # no date, or one with and one without a time zone
        return math.nan
