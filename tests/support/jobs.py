"""Good and bad jobs that the client, the model and the schema are all tested with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "data"

SMS: dict[str, Any] = {"tenant": "acme", "channel": "sms", "to": "+14155552671", "body": "Your code is 493817"}
VOICE: dict[str, Any] = SMS | {"channel": "voice"}

#: each with `name`, `job`, `fields` (those wrong, sorted), `client_catches` and `schema_catches`.
BAD_JOBS: list[dict[str, Any]] = json.loads((DATA / "bad_jobs.json").read_text(encoding="utf-8"))

GOOD_JOBS: dict[str, dict[str, Any]] = {
    "an SMS with no more than it needs": SMS,
    "a call with no more than it needs": VOICE,
    "an SMS with everything": SMS
    | {
        "id": "order-1:2026.A_b",
        "sender_id": "ACME & Co",
        "locale": "zh-Hant-TW",
        "policy": "default",
        "user": "user 17",
        "priority": "urgent",
        "send_at": "2030-01-31T09:30:00Z",
        "expires_at": "2030-01-31T10:30:00.123456+00:30",
        "on_unknown": "hold",
        "reference": "basket/7",
        "metadata": {"order": "A-77", "note": "two\nlines"},
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    },
    "a call with markup, a voice and a time to live": VOICE
    | {"body": "Hello <pause1sec> <sayCharValue>493817</sayCharValue>", "voice": "Polly.Amy", "ttl": 90.5},
    "a body of 1600 characters over several lines": SMS | {"body": "Ü\r\n👋\t" * 320},
    "a call of 1024 characters": VOICE | {"body": "x" * 1024},
    "the longest id": SMS | {"id": "a" * 64},
    "a number of 7 digits": SMS | {"to": "+2908123"},
    "a number of 15 digits": SMS | {"to": "+496912345678901"},
    "a number of a range nobody assigned": SMS | {"to": "+447700900123"},
    "a number of no country": SMS | {"to": "+80012345678"},
    "an Italian number with its zero": SMS | {"to": "+390612345678"},
    "metadata of 20 keys": SMS | {"metadata": {f"k{number}": "" for number in range(20)}},
    "metadata of 4 KiB": SMS | {"metadata": {"a": "é" * 2044}},
}
