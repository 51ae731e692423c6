"""`trunkline exporter`: the queues as metrics, while Redis is there and while it is away."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time

import httpx
import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from tasks.backlog import Backlog, BacklogReader
from tests.support.exporting import exporter
from tests.support.journal import TextRedis, enqueue
from tests.support.metrics import backlog
from tests.support.redis_server import RedisServer, free_port
from tests.support.system import BIN
from trunkline_client import keys
from trunkline_client.words import Lane
from worker.exporter import FRESH_S, BacklogGauges, BacklogSource

pytestmark = pytest.mark.integration


def values(page: str) -> dict[str, float]:
    lines = [line for line in page.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


async def test_depth_and_age_of_each_lane_are_shown_waiting_jobs_included(redis: TextRedis, redis_url: str) -> None:
    await redis.hset(keys.TUNING, "lane_window", 2)
    for number in range(5):
        await enqueue(redis, f"private-id-{number}", lane=Lane.URGENT)
    await redis.hincrby(keys.job("private-id-0"), "due_ms", -90_000)
    with exporter(redis_url) as (_, address):
        page = await asyncio.to_thread(lambda: httpx.get(address).text)

    shown = values(page)
    assert shown['trunkline_queue_jobs{lane="urgent",place="lane",queue="dispatch.urgent"}'] == 2
    assert shown['trunkline_queue_jobs{lane="urgent",place="waiting",queue="dispatch.urgent"}'] == 3
    assert shown['trunkline_queue_oldest_age_seconds{lane="urgent",queue="dispatch.urgent"}'] >= 90
    assert shown['trunkline_tenant_waiting_jobs{tenant="acme"}'] == 3
    assert shown["trunkline_redis_up"] == 1
    assert not [private for private in ("private-id", "493817", "2015550123") if private in page]


def test_no_depth_is_left_when_redis_is_away_and_it_comes_back(redis_server: RedisServer, redis_url: str) -> None:
    with exporter(redis_url) as (_, address):
        ready = address.replace("/metrics", "/readyz")
        assert httpx.get(ready).status_code == 200
        redis_server.kill()
        while httpx.get(ready).status_code == 200:
            time.sleep(0.1)
        away = values(httpx.get(address).text)
        redis_server.start()
        while httpx.get(ready).status_code != 200 or values(httpx.get(address).text)["trunkline_redis_up"] == 0:
            time.sleep(0.1)
        back = values(httpx.get(address).text)

    assert away["trunkline_redis_up"] == 0
    assert not [name for name in away if name.startswith(("trunkline_queue", "trunkline_dead", "trunkline_tenant"))]
    assert (back["trunkline_redis_up"], back["trunkline_dead_letters"]) == (1, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(redis_url: str, number: int) -> None:
    with exporter(redis_url) as (process, address):
        httpx.get(address)
        process.send_signal(number)
        assert process.wait(20) == 0


def test_a_port_in_use_is_one_line(redis_server: RedisServer, redis_url: str) -> None:
    done = subprocess.run(
        [BIN / "trunkline", "exporter", "--port", str(redis_server.port)],
        env={"PATH": os.environ["PATH"], "TRUNKLINE_REDIS_URL": redis_url},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith(f"trunkline: --port: cannot listen on 127.0.0.1 port {redis_server.port}: ")
    assert len(done.stderr.splitlines()) == 1


def test_it_starts_and_tells_when_there_is_no_redis() -> None:
    with exporter(f"redis://127.0.0.1:{free_port()}/0") as (_, address):
        assert values(httpx.get(address).text)["trunkline_redis_up"] == 0


class Reader(BacklogReader):
    """Reads what it is told to, and counts."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.reads = 0

    async def ping(self) -> None:
        if self.error:
            raise self.error

    async def read(self) -> Backlog:
        self.reads += 1
        if self.error:
            raise self.error
        return backlog()


async def test_scrapes_that_come_together_read_redis_once() -> None:
    reader, now = Reader(), [100.0]
    source = BacklogSource(reader, reader.ping, asyncio.get_running_loop(), lambda: now[0])

    readings = await asyncio.gather(*(asyncio.to_thread(source.reading) for _ in range(5)))
    assert (reader.reads, len(set(map(id, readings)))) == (1, 1)
    now[0] += FRESH_S + 0.1
    reader.error = RedisConnectionError("gone")
    assert (await asyncio.to_thread(source.reading)).backlog is None
    names = await asyncio.to_thread(lambda: [one.name for one in BacklogGauges(source.reading).collect()])
    assert (names, reader.reads) == (["trunkline_redis_up", "trunkline_backlog_read_seconds"], 2)


async def test_a_probe_reads_no_backlog() -> None:
    reader = Reader()
    source = BacklogSource(reader, reader.ping, asyncio.get_running_loop(), lambda: 0.0)

    assert (await asyncio.to_thread(source.health)).is_good
    reader.error = RedisConnectionError("gone")
    assert not (await asyncio.to_thread(source.health)).is_good
    assert reader.reads == 0
