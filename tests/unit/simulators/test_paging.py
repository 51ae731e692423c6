from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.simulators.twilio.paging import Page, page_of
from providers.simulators.wire import Refusal

PATH = "/2010-04-01/Accounts/AC1/Messages.json"


def page(items: list[str], query: dict[str, str]) -> Page[str]:
    found = page_of(items, str, PATH, query)
    assert isinstance(found, Page)
    return found


def followed(items: list[str], address: str) -> Page[str]:
    return page(items, dict(parse_qsl(urlsplit(address).query)))


@given(count=st.integers(0, 30), size=st.integers(1, 12))
def test_following_the_pages_shows_every_item_once_and_in_order(count: int, size: int) -> None:
    items = [f"SM{index}" for index in range(count)]
    current = page(items, {"PageSize": str(size), "To": "+12015550123"})
    seen = list(current.items)
    while current.next is not None:
        current = followed(items, current.next)
        seen += current.items
    assert seen == items


@given(count=st.integers(1, 30), size=st.integers(1, 12))
def test_following_the_previous_pages_leads_back_to_the_first(count: int, size: int) -> None:
    items = [f"SM{index}" for index in range(count)]
    current = first = page(items, {"PageSize": str(size)})
    while current.next is not None:
        current = followed(items, current.next)
    while current.previous is not None:
        current = followed(items, current.previous)
    assert (current.items, current.previous) == (first.items, None)


def test_an_item_that_arrives_meanwhile_shifts_nothing() -> None:
    first = page(["c", "b", "a"], {"PageSize": "2"})
    assert first.next is not None
    assert followed(["d", "c", "b", "a"], first.next).items == ["a"]


def test_the_next_page_keeps_the_filters() -> None:
    first = page(["b", "a"], {"PageSize": "1", "DateSent>": "2026-01-31"})
    assert first.next == f"{PATH}?DateSent%3E=2026-01-31&PageSize=1&Page=1&PageToken=PAb"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"PageSize": "0"}, 20007),
        ({"PageSize": "1001"}, 20007),
        ({"PageSize": "all"}, 20007),
        ({"Page": "1"}, 21481),
        ({"Page": "1", "PageToken": "PAnobody"}, 21481),
        ({"PageToken": "PAa"}, 21481),
    ],
)
def test_a_page_nobody_offered_is_refused(query: dict[str, str], code: int) -> None:
    found = page_of(["b", "a"], str, PATH, query)
    assert isinstance(found, Refusal)
    assert (found.status, found.code) == (400, code)
