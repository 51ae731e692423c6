"""Submitted jobs, which exist only in the broker, and processes that are killed as they take them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random
from time import sleep
from typing import Any

import pytest
from redis import Redis

from tests.support.redis_server import RedisServer
from trunkline_client import keys
from trunkline_client.message import submit_message
from trunkline_client.words import Lane
from worker.settings import Broker

pytestmark = pytest.mark.crash

QUEUE = keys.dispatch_queue(Lane.URGENT)
FLOOD = 4_000


def kill_often(server: RedisServer, folder: Path, broker: Broker, kills: int, seed: int = 1) -> tuple[int, int]:
    """Kill processes that take submitted jobs; returns how many jobs were taken, and how many are nowhere any more."""
    random, eaten = Random(seed), folder / "eaten"  # noqa: S311  # the same each time
    client: Any = Redis.from_url(server.url, decode_responses=True)
    submitted = {f"job-{number}" for number in range(FLOOD)}
    client.lpush(QUEUE, *(json.dumps(submit_message({"tenant": "acme"}, one, QUEUE)) for one in sorted(submitted)))
    for _ in range(kills):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.eater", server.url, broker.value, str(eaten)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        sleep(random.uniform(0.01, 0.1))
        process.kill()
        process.communicate()
    seen = set(eaten.read_text().split())
    waiting = {json.loads(each)["headers"]["id"] for each in client.lrange(QUEUE, 0, -1)}
    client.close()
    return len(seen), len(submitted - seen - waiting - set(client.hkeys("unacked")))


def test_no_submitted_job_is_lost_with_a_process_that_is_killed_as_it_takes_it(
    redis_url: str, redis_server: RedisServer, tmp_path: Path
) -> None:
    taken, lost = kill_often(redis_server, tmp_path, Broker.OWN, kills=3)

    assert taken > 0
    assert lost == 0
