"""How Twilio's REST API is spoken: addresses, credentials, forms and pages (docs/wire-twilio.md, Basics)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import httpx

from providers.forms import form_body
from providers.http import Call, Exchange, call
from providers.posting import Header, Poster
from providers.protocol import Account, BeforeFirstByte
from trunkline_client.errors import TrunklineError

REQUEST_ID_HEADER: Final = "Twilio-Request-Id"
#: a page of 100 numbers is about 200 KiB, far below what the transport reads.
PAGE_SIZE: Final = 100
_FORM: Final[Header] = (b"Content-Type", b"application/x-www-form-urlencoded")

Row = Mapping[str, object]


class ReadFailed(TrunklineError):
    """A list could not be read to its end.

    Attributes:
        ended: how the last call ended; an `Exchange` that is no error means its content was unusable.
    """

    def __init__(self, ended: Call, why: str) -> None:
        self.ended = ended
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class TwilioApi:
    """The two origins of Twilio and what speaks to them.

    Attributes:
        client: carries what is read.
        poster: carries what creates something.
        api_url: the origin of the 2010 API.
        messaging_url: the origin of the Messaging v1 API.
    """

    client: httpx.AsyncClient
    poster: Poster
    api_url: str
    messaging_url: str

    def account_url(self, account: Account, resource: str = "") -> str:
        """Return the address of the account, or of one of its resources (`/Messages`)."""
        sid = quote(account.account_sid or "", safe="")
        return f"{self.api_url.rstrip('/')}/2010-04-01/Accounts/{sid}{resource}.json"

    def services_url(self) -> str:
        """Return the address of the account's messaging services."""
        return f"{self.messaging_url.rstrip('/')}/v1/Services"

    async def create(
        self,
        account: Account,
        resource: str,
        form: Mapping[str, str],
        *,
        deadline_s: float,
        before_first_byte: BeforeFirstByte,
    ) -> Call:
        """Create a message or a call; it is never repeated."""
        return await self.poster.post(
            self.account_url(account, resource),
            (_FORM, _authorization(account)),
            form_body(form),
            deadline_s=deadline_s,
            request_id_header=REQUEST_ID_HEADER,
            before_first_byte=before_first_byte,
        )

    async def read(
        self, account: Account, url: str, *, deadline_s: float, params: Mapping[str, str] | None = None
    ) -> Call:
        """Read one resource or page."""
        return await call(
            self.client,
            self.client.build_request("GET", url, params=params),
            auth=_auth(account),
            deadline_s=deadline_s,
            request_id_header=REQUEST_ID_HEADER,
        )

    async def pages(
        self,
        account: Account,
        url: str,
        key: str,
        *,
        deadline_s: float,
        most_pages: int,
        params: Mapping[str, str] | None = None,
    ) -> AsyncIterator[list[Row]]:
        """Yield the rows of each page of a list, in the provider's order.

        Links to other pages are followed as they are given, but only within the origin of `url`: the credentials go
        with every request.

        Args:
            account: whose list it is.
            url: the address of the list.
            key: the field that holds the rows.
            deadline_s: how long one page may take, in seconds.
            most_pages: a longer list is an error, so that a list that never ends cannot hold a caller.
            params: filters of the first page; the links repeat them.

        Raises:
            ReadFailed: a page could not be read, or is not a page.
        """
        wanted: Mapping[str, str] | None = {"PageSize": str(PAGE_SIZE), **(params or {})}
        for _ in range(most_pages):
            page, rows = _page(await self.read(account, url, params=wanted, deadline_s=deadline_s), key)
            yield rows
            following = _next_page(page)
            if following is None:
                return
            url, wanted = _within_origin(url, following, page), None
        raise ReadFailed(page, f"the list did not end within {most_pages} pages")


def _auth(account: Account) -> httpx.BasicAuth:
    return httpx.BasicAuth(account.account_sid or "", account.token.reveal())


def _authorization(account: Account) -> Header:
    pair = f"{account.account_sid or ''}:{account.token.reveal()}".encode()
    return b"Authorization", b"Basic " + b64encode(pair)


def _page(ended: Call, key: str) -> tuple[Exchange, list[Row]]:
    if not isinstance(ended, Exchange) or not ended.is_success:
        raise ReadFailed(ended, "the page could not be read")
    rows = ended.field(key)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ReadFailed(ended, "the answer is not a page")
    return ended, rows


def _next_page(page: Exchange) -> str | None:
    """Return the link to the next page: the 2010 API has it at the top, Messaging v1 under `meta`."""
    meta = page.field("meta")
    link = meta.get("next_page_url") if isinstance(meta, dict) else page.field("next_page_uri")
    return link if isinstance(link, str) and link else None


def _within_origin(current: str, link: str, page: Exchange) -> str:
    try:
        here, there = httpx.URL(current), httpx.URL(current).join(link)
    except httpx.InvalidURL as error:
        raise ReadFailed(page, "the link to the next page is not an address") from error
    if (here.scheme, here.host, here.port) != (there.scheme, there.host, there.port) or there.userinfo:
        raise ReadFailed(page, "the link to the next page leads to another host")
    return str(there)
