"""The simulated provider of the benchmarks: what it keeps and how it answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.failover import extra_ms
from benchmarks.provider import Ledger, read
from benchmarks.simulated import LATENCY_S, Received

TWILIO = b"/2010-04-01/Accounts/AC00/Messages.json"
FORM = b"To=%2B12125550001&From=200000&Body=Your+code+is+job-0000001"


def content(answer: bytes) -> tuple[bytes, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    return head.split(b"\r\n", 1)[0], json.loads(body)


def test_both_providers_requests_are_read_alike() -> None:
    document = {"from": "channel:x", "to": ["+12125550001"], "body": "Your code is job-0000001"}
    twilio = read(5, TWILIO, FORM)
    assert twilio == {"ns": 5, "provider": "twilio", "to": "+12125550001", "body": "Your code is job-0000001"}
    assert read(5, b"/messaging/message_requests", json.dumps(document).encode()) == twilio | {"provider": "syniverse"}


def test_every_request_is_accepted_with_an_id_of_its_own_and_kept() -> None:
    ledger = Ledger()
    answers = [content(ledger.take(TWILIO, FORM)) for _ in range(2)]
    assert {status for status, _ in answers} == {b"HTTP/1.1 201 Created"}
    assert len({body["sid"] for _, body in answers}) == 2
    assert ledger.tell({"ask": "count", "containing": ""}) == 2
    assert ledger.tell({"ask": "open"}) == {"open": 2, "most_open": 2}


def test_requests_are_counted_by_what_their_text_contains() -> None:
    ledger = Ledger()
    for mark in (b"quiet", b"flood", b"flood"):
        ledger.take(TWILIO, FORM.replace(b"job", mark))
    assert [ledger.tell({"ask": "count", "containing": mark}) for mark in ("quiet-", "flood-", "job-")] == [1, 2, 0]


def test_a_refused_account_gets_the_code_and_others_do_not() -> None:
    ledger = Ledger()
    ledger.tell({"ask": "configure", "latency_s": 0.05, "refused": {"AC00": 21408}})
    status, body = content(ledger.take(TWILIO, FORM))
    assert (status, body["code"]) == (b"HTTP/1.1 400 Bad Request", 21408)
    assert content(ledger.take(TWILIO.replace(b"AC00", b"AC01"), FORM))[0] == b"HTTP/1.1 201 Created"
    assert content(ledger.take(b"/messaging/message_requests", b"{}"))[0] == b"HTTP/1.1 201 Created"


def test_the_extra_time_of_a_fallback_counts_from_the_end_of_the_refusal() -> None:
    first, second = Received(1_000_000, "twilio", "+1", "a"), Received(90_000_000, "syniverse", "+1", "a")
    assert extra_ms([first, second]) == [pytest.approx(89 - 1000 * LATENCY_S)]
