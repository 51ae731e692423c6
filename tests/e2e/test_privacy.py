"""Nothing private leaves: not in logs, not in the broker, not in the journal after sending."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Self

import pytest
from redis.exceptions import RedisError

from tests.support.private_traffic import SUBMITTED_BODY, found_in, send_all
from tests.support.system import System, running
from trunkline_client import keys

pytestmark = pytest.mark.e2e


class BrokerTap:
    """Keeps every command Redis was given, except those that carry content on purpose."""

    def __init__(self, system: System) -> None:
        self.commands: list[str] = []
        self._monitor = system.raw.monitor()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._monitor.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._monitor.connection.disconnect()

    def _listen(self) -> None:
        try:
            for command in self._monitor.listen():
                self.commands.append(command["command"])
        except (OSError, ValueError, RedisError):
            return  # the connection was closed under it


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("privacy"), TRUNKLINE_ATTEMPT_URGENT_S="3") as system:
        system.apply()
        system.start_worker("-l", "DEBUG", plain=True).wait_ready()
        yield system


@pytest.fixture(scope="module")
def traffic(system: System) -> list[str]:
    """Jobs through every way of the worker; returns the commands Redis saw meanwhile."""
    with BrokerTap(system) as tap:
        send_all(system)
    return tap.commands


def test_nothing_private_is_in_the_output_of_a_worker_at_its_most_talkative(system: System, traffic: list[str]) -> None:
    output = system.workers[0].output

    assert "attempt.finished" in output
    assert "was discarded" in output
    assert "DEBUG" in output or "debug" in output
    assert found_in(output) == []


def test_nothing_private_is_in_what_the_broker_carries(system: System, traffic: list[str]) -> None:
    carried = [
        command
        for command in traffic
        if SUBMITTED_BODY not in command and not command.startswith(("EVALSHA", "EVAL ", "HSET tl:job:"))
    ]

    assert any(command.startswith("PUBLISH") for command in carried)
    assert found_in("\n".join(carried)) == []


def test_after_sending_nothing_private_is_left_in_redis(system: System, traffic: list[str]) -> None:
    contents = system.redis_contents()

    assert "tl:job:" in contents
    assert found_in(contents) == []


def test_a_failed_job_keeps_its_content_sealed(system: System, traffic: list[str]) -> None:
    (job_id,) = system.raw.zrange(keys.DEAD, 0, -1)

    content = system.raw.hget(keys.job(job_id), "content")

    assert content
    assert not content.startswith("plain:")
