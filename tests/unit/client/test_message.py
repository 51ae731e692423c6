from __future__ import annotations

import json

import pytest

from tasks.revoke import nudge_of
from tests.support.jobs import SMS
from trunkline_client import keys
from trunkline_client.message import chunk, nudge, submit_message
from trunkline_client.words import Lane


def test_a_nudge_names_the_job_and_its_hop() -> None:
    message = nudge("order-1", 3, "acme", Lane.URGENT, "dispatch.urgent", 17)
    assert json.loads(message["body"])[0] == ["order-1", "acme", "urgent"]
    assert message["headers"]["id"] == message["properties"]["delivery_tag"] == "order-1.3"
    assert message["headers"]["argsrepr"] == "('order-1', 'acme', 'urgent')"


@pytest.mark.parametrize(
    ("lane", "queue", "priority"),
    [
        (Lane.BULK, "dispatch.bulk", None),
        (Lane.URGENT, "fallback.syniverse", 0),
        (Lane.NORMAL, "fallback.twilio", 3),
        (Lane.BULK, "fallback.gateway", 6),
    ],
)
def test_a_lane_is_a_priority_in_fallback_queues_only(lane: Lane, queue: str, priority: int | None) -> None:
    assert nudge("order-1", 1, "acme", lane, queue, 17)["properties"].get("priority") == priority


def test_a_chunk_names_its_jobs_and_how_many_there_are() -> None:
    message = chunk(["a", "b"], [1, 4], "acme", Lane.BULK, "dispatch.bulk", 17)
    assert json.loads(message["body"])[0] == [["a", "b"], "acme", "bulk"]
    assert message["headers"]["argsrepr"] == "(['a', 'b'], 'acme', 'bulk')"
    assert (message["headers"]["jobs"], message["headers"]["hops"]) == (2, [1, 4])


def test_no_chunk_is_taken_for_the_nudge_of_a_job() -> None:
    message = chunk(["a", "b"], [1, 4], "acme", Lane.BULK, "dispatch.bulk", 17)
    assert nudge_of(message["headers"]["id"]) is None


def test_a_submit_message_shows_nothing_of_the_job_in_its_headers() -> None:
    message = submit_message(SMS, "task-1", keys.dispatch_queue(Lane.NORMAL))
    assert json.loads(message["body"])[0] == [SMS]
    body = message.pop("body")
    assert "493817" in body
    assert "493817" not in json.dumps(message)
