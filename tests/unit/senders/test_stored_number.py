from __future__ import annotations

import contextlib
import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from senders.document import DocumentUnreadable, decode, encode
from senders.model import Number
from senders.stored_number import FIELDS, as_number
from tests.support.sender_samples import phone, tenant, toll_free, twilio

NUMBER = json.loads(encode(tenant(twilio(phone("+14155550100")))))["senders"]["own"]["numbers"][0]
JUNK = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.text(max_size=3), max_size=2)


def test_every_field_of_a_number_is_read() -> None:
    assert {one.name for one in fields(Number)} == FIELDS
    assert as_number(NUMBER) == phone("+14155550100")
    assert as_number(NUMBER | {"segments_per_second": 10}) == replace(phone("+14155550100"), segments_per_second=10.0)


def test_numbers_share_what_is_equal() -> None:
    config = tenant(twilio(toll_free("+18335550100", "US", "CA"), toll_free("+18335550101", "US", "CA")))
    first, second = decode("acme", 1, encode(config)).senders["own"].numbers

    assert first.capabilities is second.capabilities
    assert first.countries is second.countries


@pytest.mark.parametrize(
    "change",
    [
        {"number": 14155550100},
        {"type": "landline"},
        {"capabilities": "sms"},
        {"capabilities": ["fax"]},
        {"capabilities": [["sms"]]},
        {"selected": None},
        {"countries": "US"},
        {"countries": [1]},
        {"segments_per_second": "fast"},
        {"segments_per_second": [1]},
    ],
)
def test_a_number_with_a_damaged_field_makes_its_document_unreadable(change: dict[str, Any]) -> None:
    document = json.loads(encode(tenant(twilio(phone("+14155550100")))))
    document["senders"]["own"]["numbers"][0] |= change

    with pytest.raises(DocumentUnreadable, match=rf"unfit: senders\.own\.numbers\.0\.{next(iter(change))}"):
        decode("acme", 1, json.dumps(document))


def test_a_number_in_the_place_of_something_else_makes_its_document_unreadable() -> None:
    document = json.loads(encode(tenant(twilio())))
    document["policies"]["default"] = NUMBER

    with pytest.raises(DocumentUnreadable, match="unfit: policies"):
        decode("acme", 1, json.dumps(document))


@given(st.fixed_dictionaries({}, optional=dict.fromkeys([*sorted(FIELDS), "other"], JUNK)))
def test_whatever_stands_in_a_document_is_read_or_refused(change: dict[str, Any]) -> None:
    document = json.loads(encode(tenant(twilio(phone("+14155550100")))))
    document["senders"]["own"]["numbers"][0] |= change

    with contextlib.suppress(DocumentUnreadable):
        (number,) = decode("acme", 1, json.dumps(document)).senders["own"].numbers
        assert isinstance(number, Number)


def test_a_document_nested_too_deeply_is_unreadable() -> None:
    with pytest.raises(DocumentUnreadable, match="the whole"):
        decode("acme", 1, "[" * 100_000)
