"""A worker whose event loop stands still is told of by the thread that answers for it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from cryptography.fernet import Fernet

from tasks.measures import Loop
from trunkline_client.private import Token
from worker.bridge import Bridge
from worker.health import LATE_S
from worker.monitoring import Monitoring
from worker.settings import Settings

pytestmark = pytest.mark.integration


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    async def nothing() -> None: ...

    bridge = Bridge()
    bridge.start()
    yield bridge
    bridge.stop(nothing())


def ask(port: int, path: str) -> tuple[int, list[str]]:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, json.load(answer)["problems"]
    except HTTPError as error:
        return error.code, json.load(error)["problems"]


def test_a_frozen_event_loop_is_told_while_it_is_frozen(bridge: Bridge) -> None:
    settings = Settings(secret_keys=(Token(Fernet.generate_key().decode()),), metrics_port=0)
    monitoring = Monitoring(lambda: 0)
    port = monitoring.start(settings, lambda: False)
    assert port is not None
    monitoring.started(lambda: True)
    bridge.spawn(monitoring.heartbeats.beat(), lambda _: None)
    monitoring.measures.loop_turned(Loop.MOVER, answered=True)
    assert ask(port, "/readyz") == (200, [])

    async def freeze() -> None:
        time.sleep(LATE_S + 2)  # noqa: ASYNC251 -- the freeze

    bridge.spawn(freeze(), lambda _: None)
    time.sleep(LATE_S + 1)
    status, problems = ask(port, "/readyz")

    assert (status, len(problems)) == (503, 1)
    assert "event loop" in problems[0]
    assert ask(port, "/livez") == (200, [])
    monitoring.stop()
