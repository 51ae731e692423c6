"""Messages as they stand in the broker's lists, for tests of the transport."""

from __future__ import annotations

import json
from typing import Any

from trunkline_client import keys
from trunkline_client.message import nudge, submit_message
from trunkline_client.words import Lane
from worker.in_hand import Room

URGENT, NORMAL, BULK = keys.DISPATCH_QUEUES
FALLBACK = keys.fallback_queue("syniverse")
NOTED = ("unacked", "unacked_index")
PLENTY = Room(jobs=1_000, bulk=1_000)
STEPS = [lane.broker_priority for lane in Lane]


def list_of(queue: str, step: int) -> str:
    return f"{queue}{keys.PRIORITY_SEPARATOR}{step}" if step else queue


def message(number: int, queue: str, jobs: int = 1) -> str:
    built = nudge(f"job-{number}", 1, "acme", Lane.BULK, queue, 0)
    if jobs > 1:
        built["headers"] |= {"task": "trunkline.dispatch_many", "jobs": jobs}
    return json.dumps(built)


def submitted(number: int, queue: str = NORMAL) -> str:
    return json.dumps(submit_message({"tenant": "acme", "body": '"task":"trunkline.dispatch"'}, f"s-{number}", queue))


def fill(server: Any, queue: str, count: int, step: int = 0) -> None:
    server.lpush(list_of(queue, step), *(message(number, queue) for number in range(count)))
