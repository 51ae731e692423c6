"""Worker, producer and remote control as the users of docs/redis.md, with exactly the rights that the page prints."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from tests.support.acl import USERS, create_users, url_of
from tests.support.exporting import exporter
from tests.support.redis_server import RedisServer
from tests.support.system import BIN, System, running
from trunkline_client import Trunkline, keys

pytestmark = pytest.mark.e2e

FORBIDDEN: list[tuple[str, ...]] = [
    ("FLUSHALL",),
    ("CONFIG", "GET", "requirepass"),
    ("CONFIG", "SET", "appendonly", "no"),
    ("KEYS", "*"),
    ("SHUTDOWN", "NOSAVE"),
    ("ACL", "LIST"),
]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("acl")
    with RedisServer(folder / "server") as server:
        create_users(server)
        with running(folder, redis=server, redis_url=url_of(server, "trunkline-worker")) as system:
            system.apply()
            system.start_worker("--name", "acl@%h").wait_ready()
            yield system


@pytest.fixture
def producer(system: System) -> Iterator[Trunkline]:
    with Trunkline(url_of(system.redis, "trunkline-producer")) as client:
        yield client


def test_a_producers_jobs_are_sent(system: System, producer: Trunkline) -> None:
    job = {"tenant": "acme", "to": "+12015550123", "body": "hello"}
    direct, refused = producer.send_sms(**job), producer.send_sms(**job | {"to": "+12015550124"})  # type: ignore[arg-type]
    assert [system.outcome(one.id)["state"] for one in (direct, refused)] == ["sent", "sent"]
    assert producer.used(direct.id)
    assert producer.status(direct.id)


def test_a_refused_job_goes_through_its_fallback(system: System, producer: Trunkline) -> None:
    system.refuse("+12015550125", 21408)
    handle = producer.send_sms(tenant="acme", to="+12015550125", body="hello")
    assert system.outcome(handle.id)["sender"] == "acme-syniverse"


def test_a_producer_cancels_what_waits(producer: Trunkline) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    handle = producer.send_sms(tenant="acme", to="+12015550123", body="hello", send_at=later)
    assert producer.cancel(handle.id)


def test_a_worker_as_this_user_logs_no_error(system: System) -> None:
    assert "NoPermission" not in system.workers[0].output
    assert system.workers[0].events("upkeep.interrupted") == []


def test_the_exporter_reads_the_queues(system: System) -> None:
    with exporter(url_of(system.redis, "trunkline-exporter")) as (_, address):
        assert "\ntrunkline_redis_up 1.0\n" in httpx.get(address).text


def test_remote_control_reaches_the_worker(system: System) -> None:
    url = url_of(system.redis, "trunkline-monitor")
    asked = subprocess.run(
        [str(BIN / "celery"), "-A", "worker.app", "inspect", "ping", "--timeout", "5"],
        env={"PATH": os.environ["PATH"], "TRUNKLINE_REDIS_URL": url, "HOME": str(system.folder)},
        capture_output=True,
        text=True,
        check=False,
        cwd=system.folder,
    )
    assert re.search(r"acl@.*OK", asked.stdout), asked.stdout + asked.stderr


@pytest.mark.parametrize("command", FORBIDDEN, ids=" ".join)
@pytest.mark.parametrize("user", USERS)
def test_no_user_may_do_harm_to_the_server(system: System, user: str, command: tuple[str, ...]) -> None:
    with _as(system, user) as redis, pytest.raises(NoPermissionError):
        redis.execute_command(*command)


@pytest.mark.parametrize("key", [keys.config("acme"), keys.COUNTER_KEY, keys.AUDIT, keys.RETIRED])
def test_a_producer_cannot_touch_configurations_and_keys(system: System, key: str) -> None:
    with _as(system, "trunkline-producer") as redis:
        for read in ("HGETALL", "GET", "DEL"):
            with pytest.raises(NoPermissionError):
                redis.execute_command(read, key)


def test_whoever_watches_reads_no_job(system: System) -> None:
    with _as(system, "trunkline-monitor") as redis, pytest.raises(NoPermissionError):
        redis.hgetall(keys.job("job-1"))


def _as(system: System, user: str) -> Any:
    return Redis.from_url(url_of(system.redis, user), protocol=2)


def test_the_page_is_whole(tmp_path: Path) -> None:
    assert set(USERS) == {"trunkline-producer", "trunkline-worker", "trunkline-exporter", "trunkline-monitor"}
