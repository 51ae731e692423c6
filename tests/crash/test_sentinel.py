"""Failovers under load: workers and producers find the new master by themselves, and every job is sent once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from providers.simulators.faults import Delay, FaultKind, FaultPlan
from tests.support.sentinel import SERVICE, Guarded, guarded, until
from tests.support.system import ACME_SID, System, running
from trunkline_client import Handle, Trunkline
from trunkline_client.connection import open_sync
from trunkline_client.errors import NotAccepted
from trunkline_client.words import JobState

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]

BATCH = 100


@contextmanager
def started(folder: Path) -> Iterator[tuple[System, Guarded]]:
    with (
        guarded(folder / "guarded") as redis,
        running(folder, redis=redis.master, redis_url=redis.url, TRUNKLINE_LEASE_S="3") as system,
    ):
        system.apply()
        system.control.arm(FaultPlan(kind=FaultKind.DELAY, account=ACME_SID, accept_first=True, delay=Delay(0.1)))
        yield system, redis


def enqueue(client: Trunkline, first: int) -> list[str]:
    """Enqueue a batch as a producer that does not give up: what was not confirmed is sent again under its id."""
    jobs = {
        f"job-{number}": {
            "id": f"job-{number}",
            "tenant": "acme",
            "channel": "sms",
            "to": f"+1201555{5000 + number}",
            "body": f"text {number}",
        }
        for number in range(first, first + BATCH)
    }
    left = dict(jobs)
    while left:
        sent = client.send_many(left.values())
        assert all(isinstance(one, Handle | NotAccepted) for one in sent), sent
        for one in sent:
            if isinstance(one, Handle):
                del left[one.id]
    return list(jobs)


def wait_for_accepted(system: System, count: int) -> None:
    while len(system.control.ledger().entries) < count:
        time.sleep(0.02)


def assert_each_sent_once(system: System, job_ids: list[str]) -> None:
    until(lambda: all(system.client.status(job_id) is not None for job_id in job_ids[-1:]))
    states = Counter(system.outcome(job_id)["state"] for job_id in job_ids)
    assert states == {JobState.SENT: len(job_ids)}
    received = Counter(entry.to for entry in system.control.ledger().entries)
    assert set(received.values()) == {1}
    assert len(received) == len(job_ids)


def test_a_killed_master_costs_no_job_that_was_copied_and_repeats_none(tmp_path: Path) -> None:
    with started(tmp_path) as (system, redis):
        worker = system.start_worker("--concurrency", "8")
        job_ids = enqueue(system.client, 0)
        redis.wait_until_copied()
        wait_for_accepted(system, 20)

        redis.master.kill()
        job_ids += enqueue(system.client, BATCH)

        redis.wait_for_failover()
        assert_each_sent_once(system, job_ids)
        assert worker.process.poll() is None

        redis.master.start()
        until(lambda: redis.role(redis.master) == "slave")
        assert_each_sent_once(system, job_ids + enqueue(system.client, 2 * BATCH))


def test_a_master_that_lives_on_is_left_by_all_who_are_connected_to_it(tmp_path: Path) -> None:
    with started(tmp_path) as (system, redis):
        system.start_worker("--concurrency", "8").wait_ready()
        job_ids = enqueue(system.client, 0)
        assert_each_sent_once(system, job_ids)
        # Without it the old master goes on confirming, until the Sentinels have turned it into a replica.
        with open_sync(redis.master.url) as master:
            master.config_set("min-replicas-to-write", 1)

        with open_sync(f"redis://127.0.0.1:{redis.sentinels[0].port}") as sentinel:
            sentinel.execute_command("SENTINEL", "FAILOVER", SERVICE)
        redis.wait_for_failover()

        assert_each_sent_once(system, job_ids + enqueue(system.client, BATCH))


def test_a_worker_starts_while_a_sentinel_is_dead(tmp_path: Path) -> None:
    with started(tmp_path) as (system, redis):
        redis.sentinels[0].kill()
        system.start_worker("--concurrency", "8")
        assert_each_sent_once(system, enqueue(system.client, 0))
