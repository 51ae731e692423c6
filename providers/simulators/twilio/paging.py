"""Twilio's two paginations: `next_page_uri` of the 2010 API and `meta.next_page_url` of Messaging v1."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlencode

from providers.simulators.twilio.errors import refused
from providers.simulators.wire import Refusal

DEFAULT_PAGE_SIZE: Final = 50
MAX_PAGE_SIZE: Final = 1000
_PAGING: Final = frozenset({"PageSize", "Page", "PageToken"})

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list.

    Attributes:
        items: what is on it.
        number: its index, from 0.
        size: how many items a page holds.
        first, this, next, previous: addresses without scheme and host; None where there is no such page.
    """

    items: Sequence[T]
    number: int
    size: int
    first: str
    this: str
    next: str | None
    previous: str | None


def page_of(items: Sequence[T], sid_of: Callable[[T], str], path: str, query: Mapping[str, str]) -> Page[T] | Refusal:
    """Return the page of `items` that `query` asks for, or a refusal of its size or token.

    A token names the last item before the page, so that items that arrive meanwhile shift nothing.
    """
    size = _whole(query.get("PageSize", str(DEFAULT_PAGE_SIZE)))
    if size is None or not 1 <= size <= MAX_PAGE_SIZE:
        return refused(20007)
    number = _whole(query.get("Page", "0"))
    token = query.get("PageToken")
    if number is None or (number > 0) != (token is not None):
        return refused(21481)
    start = 0 if token is None else _place_after(token, items, sid_of)
    if start is None:
        return refused(21481)
    filters = {name: value for name, value in query.items() if name not in _PAGING}

    def address(page: int, first_index: int) -> str:
        paging = {"PageSize": str(size), "Page": str(page)}
        if page > 0:
            paging["PageToken"] = f"PA{sid_of(items[first_index - 1])}"
        return f"{path}?{urlencode(filters | paging)}"

    end = start + size
    return Page(
        items=items[start:end],
        number=number,
        size=size,
        first=address(0, 0),
        this=address(number, start),
        next=address(number + 1, end) if end < len(items) else None,
        previous=address(number - 1, max(start - size, 1)) if number > 0 else None,
    )


def envelope_2010(page: Page[T], key: str, render: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    """Return the list body of the 2010 API."""
    first = page.number * page.size
    return {
        "end": first + max(len(page.items) - 1, 0),
        "first_page_uri": page.first,
        "next_page_uri": page.next,
        "page": page.number,
        "page_size": page.size,
        "previous_page_uri": page.previous,
        "start": first,
        "uri": page.this,
        key: [render(item) for item in page.items],
    }


def envelope_v1(page: Page[T], key: str, render: Callable[[T], dict[str, Any]], origin: str) -> dict[str, Any]:
    """Return the list body of Messaging v1, whose addresses are absolute."""
    return {
        "meta": {
            "page": page.number,
            "page_size": page.size,
            "first_page_url": origin + page.first,
            "previous_page_url": None if page.previous is None else origin + page.previous,
            "next_page_url": None if page.next is None else origin + page.next,
            "url": origin + page.this,
            "key": key,
        },
        key: [render(item) for item in page.items],
    }


def _place_after(token: str, items: Sequence[T], sid_of: Callable[[T], str]) -> int | None:
    """Return the place after the item a token names, None if there is no such item."""
    return next((place for place, item in enumerate(items, start=1) if f"PA{sid_of(item)}" == token), None)


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() else None
