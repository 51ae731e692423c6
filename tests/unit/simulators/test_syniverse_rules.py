from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from providers.simulators.default_world import default_world
from providers.simulators.syniverse.rules import send_refusal
from providers.simulators.world import SyniverseAccount, SyniverseSenderId

ACCOUNT = default_world().syniverse[0]
NOW = 1_790_000_000.0
SEND: dict[str, Any] = {"from": "channel:1KJPMkuHQkair", "to": ["+12015550123"], "body": "Hello"}
TWICE = replace(ACCOUNT, sender_ids=(*ACCOUNT.sender_ids, SyniverseSenderId("other", "+14155550180")))
ASLEEP = replace(ACCOUNT, sender_ids=(SyniverseSenderId("asleep", "+14155550180", state="INACTIVE"),))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"to": ["voice:+447400123457"]},
        {"from": "channel:2LKQNlviRlbjs"},
        {"from": "channel:2LKQNlviRlbjs", "to": ["+14165550123"]},
        {"from": "sender_id:usSender0001"},
        {"from": "usSender0001", "to": ["voice:+12015550123"]},
        {"from": "+14155550180"},
        {"external_id": "attempt-1", "expiry_time": int(NOW) + 60},
        {"expiry_time": (int(NOW) + 60) * 1000},
    ],
)
def test_a_good_message_request_is_accepted(change: dict[str, Any]) -> None:
    assert send_refusal(ACCOUNT, SEND | change, NOW) is None


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"from": None}, 400, "4001"),
        ({"to": []}, 400, "4001"),
        ({"body": ""}, 400, "4001"),
        ({"to": "+12015550123"}, 400, "4002"),
        ({"to": [1]}, 400, "4002"),
        ({"body": 7}, 400, "4002"),
        ({"external_id": 7}, 400, "4002"),
        ({"expiry_time": "soon"}, 400, "4002"),
        ({"expiry_time": int(NOW) - 1}, 400, "4004"),
        ({"to": ["12015550123"]}, 400, "40024"),
        ({"to": ["voice:nobody"]}, 400, "40024"),
        ({"to": ["+12015550123"] * 1001}, 400, "40015"),
        ({"from": "channel:nobody"}, 400, "40018"),
        ({"from": "sender_id:nobody"}, 400, "40018"),
        ({"from": "channel:2LKQNlviRlbjs", "to": ["+447400123457"]}, 404, "4045"),
        ({"from": "channel:2LKQNlviRlbjs", "to": ["voice:+14165550123"]}, 404, "4045"),
        ({"from": "sender_id:caSender0001", "to": ["voice:+14165550123"]}, 400, "40012"),
    ],
)
def test_every_flaw_of_a_message_request_has_its_code(change: dict[str, Any], status: int, code: str) -> None:
    refusal = send_refusal(ACCOUNT, SEND | change, NOW)
    assert refusal is not None
    assert (refusal.status, refusal.code) == (status, code)


@pytest.mark.parametrize(
    ("account", "sender", "status", "code"),
    [
        (replace(ACCOUNT, out_of_credit=True), SEND["from"], 402, "4020"),
        (TWICE, "+14155550180", 400, "40019"),
        (ASLEEP, "sender_id:asleep", 403, "4035"),
    ],
)
def test_every_state_of_an_account_has_its_code(account: SyniverseAccount, sender: str, status: int, code: str) -> None:
    refusal = send_refusal(account, SEND | {"from": sender}, NOW)
    assert refusal is not None
    assert (refusal.status, refusal.code) == (status, code)
