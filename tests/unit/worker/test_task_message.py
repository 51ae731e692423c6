"""Which elements of a queue are taken for Celery messages."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from trunkline_client.message import nudge, submit_message
from trunkline_client.words import Lane
from worker.task_message import is_task_message

GOOD: dict[str, Any] = nudge("job-1", 1, "acme", Lane.NORMAL, "dispatch.normal", 1)


def changed(path: str, value: object) -> dict[str, Any]:
    """Return the good message with one part replaced; `...` removes it."""
    part, _, name = path.partition(".")
    inner = {**GOOD[part], name: value} if name else value
    if value is ...:
        inner = {key: kept for key, kept in GOOD[part].items() if key != name} if name else ...
    return {key: kept for key, kept in {**GOOD, part: inner}.items() if kept is not ...}


@pytest.mark.parametrize(
    "message",
    [
        GOOD,
        submit_message({"tenant": "acme"}, "id-1", "dispatch.normal"),
        changed("properties.delivery_info", ...),
        changed("properties.body_encoding", ...),
        changed("headers.root_id", ...),
        changed("headers.timelimit", ...),
        changed("body", "[[], {}, null]"),
    ],
)
def test_whole_messages_are_taken(message: dict[str, Any]) -> None:
    assert is_task_message(message)


def test_celerys_own_encoding_of_the_body_is_taken() -> None:
    encoded = changed("properties.body_encoding", "base64") | {"body": base64.b64encode(GOOD["body"].encode()).decode()}

    assert is_task_message(encoded)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("properties", ...),
        ("properties", []),
        ("properties.delivery_tag", ...),
        ("properties.delivery_tag", 5),
        ("properties.delivery_info", "dispatch.normal"),
        ("properties.body_encoding", "rot13"),
        ("properties.body_encoding", ["utf-8"]),
        ("headers", ...),
        ("headers", []),
        ("headers.id", ...),
        ("headers.id", 5),
        ("headers.task", ["trunkline.dispatch"]),
        ("headers.task", ...),
        ("headers.timelimit", 5),
        ("headers.timelimit", [1]),
        ("headers.stamped_headers", 5),
        ("headers.stamps", []),
        ("content-type", ...),
        ("content-type", []),
        ("content-type", "application/x-python-serialize"),
        ("body", ...),
        ("body", {}),
        ("body", "no json"),
        ("body", "5"),
        ("body", "null"),
        ("body", "[]"),
        ("body", '{"args": []}'),
        ("body", "[[], {}, 5]"),
        ("body", "[" * 100_000),
        ("properties.body_encoding", "base64"),
    ],
)
def test_a_message_with_one_part_missing_or_wrong_is_not(path: str, value: object) -> None:
    assert not is_task_message(changed(path, value))


@pytest.mark.parametrize("junk", [None, [], "text", 5, {}])
def test_junk_is_not(junk: object) -> None:
    assert not is_task_message(junk)
