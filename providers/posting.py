"""Requests that create a message or a call: built from parts that were prepared once, and handed to their transport."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import httpx

from providers.http import Call, post
from providers.protocol import BeforeFirstByte

#: an address per account and resource, about 1 KiB each; without it a parse of 15 us comes with every request.
_REMEMBERED_URLS: Final = 4096

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Poster:
    """Sends requests that create something, without `httpx.AsyncClient` around the transport.

    Attributes:
        headers: what every request says of us.
    """

    transport: httpx.AsyncBaseTransport
    headers: tuple[Header, ...]

    async def post(
        self,
        url: str,
        headers: Iterable[Header],
        body: bytes,
        *,
        deadline_s: float,
        request_id_header: str | None = None,
        before_first_byte: BeforeFirstByte,
    ) -> Call:
        """Return how one request ended, after `deadline_s` at the latest; it is never repeated.

        Raises:
            LeaseLost: from `before_first_byte`; nothing was sent.
        """
        request = httpx.Request("POST", _url(url), headers=[*self.headers, *headers], stream=httpx.ByteStream(body))
        return await post(
            self.transport,
            request,
            deadline_s=deadline_s,
            request_id_header=request_id_header,
            before_first_byte=before_first_byte,
        )


@lru_cache(maxsize=_REMEMBERED_URLS)
def _url(url: str) -> httpx.URL:
    return httpx.URL(url)
