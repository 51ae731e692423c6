from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.jobs import SMS
from trunkline_client.calls import read_status
from trunkline_client.errors import JobConflict, JobInvalid, StatusUnreadable
from trunkline_client.job import check
from trunkline_client.record import Handle, digest, enqueue_call, enqueued, status_of
from trunkline_client.words import JobState

FULL = SMS | {"user": "user-17", "metadata": {"b": "2", "a": "1"}, "sender_id": "ACME", "reference": "basket/7"}
FAR = "2090-01-01T00:00:00Z"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

SAME = [
    (SMS, SMS | {"id": "another-id"}),
    (SMS, SMS | {"priority": "normal", "locale": None}),
    (SMS, SMS | {"traceparent": TRACE}),
    (SMS | {"ttl": 60}, SMS | {"ttl": 60.0}),
    (SMS | {"send_at": FAR}, SMS | {"send_at": "2090-01-01T01:00:00.000+01:00"}),
    (SMS | {"metadata": {"a": "1", "b": "2"}}, SMS | {"metadata": {"b": "2", "a": "1"}}),
]
ANOTHER: list[dict[str, Any]] = [
    {"tenant": "bolt"},
    {"channel": "voice"},
    {"to": "+14155552672"},
    {"body": "Your code is 111111"},
    {"priority": "urgent"},
    {"sender_id": "ACME"},
    {"send_at": FAR},
    {"expires_at": FAR},
    {"ttl": 60},
    {"metadata": {"a": "1"}},
    {"reference": "basket/8"},
]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_the_same_job_has_the_same_digest(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert digest(check(first, "one")) == digest(check(second, "two"))


@pytest.mark.parametrize("change", ANOTHER)
def test_any_other_field_makes_another_digest(change: dict[str, Any]) -> None:
    assert digest(check(SMS, "one")) != digest(check(SMS | change, "one"))


def test_the_call_keeps_what_is_private_in_the_content_alone() -> None:
    keys, arguments = enqueue_call(check(FULL, "order-1"))
    content = arguments.pop(5)
    assert json.loads(content.removeprefix("plain:")) == {k: FULL[k] for k in ("to", "body", "user", "metadata")}
    assert keys == ["tl:job:order-1"]
    assert not [secret for secret in ("4155552671", "493817", "user-17") if secret in " ".join(arguments)]


def test_the_call_carries_options_times_and_the_default_life() -> None:
    _, arguments = enqueue_call(check(FULL | {"ttl": 1.5, "priority": "urgent"}, "order-1"))
    assert arguments[2:5] == ["acme", "sms", "urgent"]
    assert arguments[6:] == ['{"reference":"basket/7","sender_id":"ACME"}', "", "", "1500", "300000", "1", ""]


def test_a_trace_is_an_option_of_the_record() -> None:
    _, arguments = enqueue_call(check(SMS | {"traceparent": TRACE}, "order-1"))
    assert json.loads(arguments[6]) == {"traceparent": TRACE}


@pytest.mark.parametrize(("status", "created"), [("created", True), ("same", False)])
def test_a_recorded_job_becomes_a_handle(status: str, created: bool) -> None:
    handle = enqueued(check(SMS, "order-1"), [status, "queued"])
    assert handle == Handle("order-1", JobState.QUEUED, created=created)


def test_a_conflict_becomes_its_error() -> None:
    with pytest.raises(JobConflict, match="order-1"):
        enqueued(check(SMS, "order-1"), ["conflict", "sent"])


@pytest.mark.parametrize(("times", "field"), [({"expires_at": FAR}, "expires_at"), ({"send_at": FAR}, "send_at")])
def test_a_life_that_is_over_is_told_at_the_field_that_ends_it(times: dict[str, str], field: str) -> None:
    with pytest.raises(JobInvalid, match=f"^{field}: "):
        enqueued(check(SMS | times, "order-1"), ["expired", ""])


def test_the_status_of_a_sent_job_lists_its_attempts_and_nothing_private() -> None:
    raw = {
        "state": "sent",
        "content": 'plain:{"to":"+14155552671"}',
        "attempts": "2",
        "attempt:1": '{"id":"a.a1","sender":"own","provider":"twilio","account":"AC1","started_ms":1,"origin":"+1415"}',
        "result:1": '{"outcome":"refused","fault":"auth","code":"20003","ended_ms":2}',
        "attempt:2": '{"id":"a.a2","sender":"spare","provider":"syniverse","account":"spare","started_ms":3}',
        "sender": "spare",
        "provider": "syniverse",
        "account": "spare",
        "provider_id": "m-1",
        "maybe_twice": "1",
    }
    own = {
        "sender": "own",
        "provider": "twilio",
        "number": "+1415",
        "outcome": "refused",
        "fault": "auth",
        "code": "20003",
    }
    spare = {"sender": "spare", "provider": "syniverse", "number": None, "outcome": None, "fault": None, "code": None}
    assert status_of("a", raw) == {
        "id": "a",
        "state": "sent",
        "rule": None,
        "fault": None,
        "attempts": [own, spare],
        "sender": "spare",
        "provider": "syniverse",
        "account": "spare",
        "provider_id": "m-1",
        "maybe_twice": True,
        "maybe_sent": False,
    }


def test_there_is_no_status_without_a_record() -> None:
    assert status_of("a", {}) is None


@pytest.mark.parametrize(
    "damage",
    [{"attempts": "1"}, {"attempts": "x"}, {"attempts": "1", "attempt:1": "[]"}, {"attempts": "1", "attempt:1": "{"}],
)
def test_a_damaged_record_has_its_own_error_that_quotes_nothing(damage: dict[str, str]) -> None:
    with pytest.raises(StatusUnreadable, match="the record of job a cannot be read") as caught:
        read_status("a", {"state": "sent", **damage})
    assert caught.value.__cause__ is None
