from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from providers.simulators.default_world import TWILIO_TOKEN, default_world
from providers.simulators.world import WorldInvalid, load_world, read_world

SID = "AC00000000000000000000000000000009"


def test_a_world_survives_the_way_through_json(tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    file.write_text(json.dumps(default_world().as_json()), encoding="utf-8")
    assert load_world(file) == default_world()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"twilio": [{"sid": SID}]}, "twilio.0.token: Field required"),
        ({"twilio": [{"sid": SID, "token": "t", "colour": "blue"}]}, "twilio.0.colour"),
        ({"twilio": [{"sid": SID, "token": "t", "status": "asleep"}]}, "twilio.0.status"),
        ({"twilio": [{"sid": SID, "token": "t"}] * 2}, "two accounts have the same SID or name"),
        ({"planets": []}, "planets"),
    ],
)
def test_a_world_that_cannot_be_used_names_the_field(data: dict[str, Any], problem: str) -> None:
    with pytest.raises(WorldInvalid, match=problem):
        read_world(data)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff"])
def test_a_file_that_holds_no_world_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "world.json"
    file.write_bytes(content)
    with pytest.raises(WorldInvalid, match=r"world\.json"):
        load_world(file)


def test_an_error_does_not_show_a_token() -> None:
    with pytest.raises(WorldInvalid) as refused:
        read_world({"twilio": [{"sid": SID, "token": ["secret"]}]})
    assert "secret" not in str(refused.value)


def test_a_world_does_not_show_its_tokens() -> None:
    assert TWILIO_TOKEN not in repr(default_world())
