from __future__ import annotations

import json

import pytest

from tests.support.jobs import SMS
from trunkline_client import keys
from trunkline_client.message import nudge, submit_message
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


def test_a_submit_message_shows_nothing_of_the_job_in_its_headers() -> None:
    message = submit_message(SMS, "task-1", keys.dispatch_queue(Lane.NORMAL))
    assert json.loads(message["body"])[0] == [SMS]
    body = message.pop("body")
    assert "493817" in body
    assert "493817" not in json.dumps(message)
