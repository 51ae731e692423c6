"""How Syniverse's SCG API is spoken: addresses, the bearer token, JSON and pages (docs/wire-syniverse.md, Basics)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx

from providers.http import Call, Exchange, call
from providers.posting import Header, Poster
from providers.protocol import Account, BeforeFirstByte
from trunkline_client.errors import TrunklineError

MESSAGE_REQUESTS: Final = "/messaging/message_requests"
SENDER_IDS: Final = "/messaging/sender_ids"
CHANNELS: Final = "/messaging/channels"

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_JSON: Final[Header] = (b"Content-Type", b"application/json")

Row = Mapping[str, object]


class ListUnreadable(TrunklineError):
    """A list could not be read to its end; `ended` says how the last call ended."""

    def __init__(self, ended: Call, why: str) -> None:
        self.ended = ended
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class SyniverseApi:
    """The base address of the SCG API and what speaks to it.

    Attributes:
        client: carries what is read.
        poster: carries what creates something.
    """

    client: httpx.AsyncClient
    poster: Poster
    base_url: str

    async def create(
        self, account: Account, content: Mapping[str, object], *, deadline_s: float, before_first_byte: BeforeFirstByte
    ) -> Call:
        """Create a message request; it is never repeated."""
        return await self.poster.post(
            self._url(MESSAGE_REQUESTS),
            (_JSON, (b"Authorization", _bearer(account).encode())),
            _ENCODER.encode(content).encode(),
            deadline_s=deadline_s,
            before_first_byte=before_first_byte,
        )

    async def read(
        self, account: Account, path: str, *, deadline_s: float, params: Mapping[str, str] | None = None
    ) -> Call:
        """Read one resource or page."""
        request = self.client.build_request("GET", self._url(path), params=params, headers=_auth(account))
        return await call(self.client, request, deadline_s=deadline_s)

    async def rows(self, account: Account, path: str, *, deadline_s: float, most_pages: int) -> list[Row]:
        """Return every row of a list.

        A page may say the `total`; without it, or when a page brings nothing new, the list has ended.

        Raises:
            ListUnreadable: a page could not be read, or the list does not end.
        """
        found: dict[str, Row] = {}
        for _ in range(most_pages):
            ended = await self.read(
                account, path, params={"offset": str(len(found))} if found else None, deadline_s=deadline_s
            )
            rows = ended.field("list") if isinstance(ended, Exchange) and ended.is_success else None
            if not isinstance(ended, Exchange) or not isinstance(rows, list):
                raise ListUnreadable(ended, "the list could not be read")
            new = {_id(row, ended): row for row in rows}
            seen, total = len(found), ended.field("total")
            found.update(new)
            if len(found) == seen or not isinstance(total, int) or len(found) >= total:
                return list(found.values())
        raise ListUnreadable(ended, f"the list did not end within {most_pages} pages")

    def _url(self, path: str) -> str:
        return f"{self.base_url.rstrip('/')}{path}"


def _auth(account: Account) -> dict[str, str]:
    return {"Authorization": _bearer(account)}


def _bearer(account: Account) -> str:
    return f"Bearer {account.token.reveal()}"


def _id(row: object, ended: Call) -> str:
    value = row.get("id") if isinstance(row, dict) else None
    if not isinstance(value, str) or not value:
        raise ListUnreadable(ended, "a row of the list has no id")
    return value
