"""Many jobs at once on a real server: scripts travel together, and what goes wrong stays with whom it concerns."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tasks.dispatch import dispatch
from tasks.journal import Claimed, Journal, Left
from tests.support.cut_connection import Cut, Lost, cutting_proxy
from tests.support.flow import config, worker
from tests.support.journal import TextRedis, enqueue
from tests.support.redis_server import RedisServer
from trunkline_client import keys
from trunkline_client.connection import open_async

pytestmark = pytest.mark.integration

_JOBS = 50


async def _recorded(redis: TextRedis) -> list[str]:
    """Record jobs; returns their ids."""
    ids = [f"job-{number}" for number in range(_JOBS)]
    for job_id in ids:
        await enqueue(redis, job_id)
    return ids


async def test_jobs_at_once_share_their_round_trips(redis: TextRedis) -> None:
    one = worker(redis, config())
    await enqueue(redis, "to-load-the-scripts")
    await one.serve()
    ids = await _recorded(redis)

    async def writes() -> int:
        return int((await redis.info("stats"))["total_reads_processed"])

    before = await writes()
    reports = await asyncio.gather(*(dispatch(one.services, job_id, "") for job_id in ids))

    assert {report.line for report in reports} == {"sent acme-twilio"}
    # three batches, whose commands may come in a few pieces; alone the jobs take 150
    assert await writes() - before <= 15


async def test_scripts_that_a_server_has_forgotten_are_loaded_by_the_way(redis: TextRedis) -> None:
    one = worker(redis, config())
    ids = await _recorded(redis)
    await redis.script_flush()

    reports = await asyncio.gather(*(dispatch(one.services, job_id, "") for job_id in ids))

    assert {report.line for report in reports} == {"sent acme-twilio"}


async def test_a_record_that_cannot_be_read_harms_no_job_beside_it(redis: TextRedis, journal: Journal) -> None:
    ids = await _recorded(redis)
    await redis.hset(keys.job("job-7"), "options", b"\xff\xfe")
    await redis.set(keys.job("damaged"), "no hash")

    answers = await asyncio.gather(
        *(journal.claim(job_id, "", "w:1") for job_id in [*ids, "damaged", "unknown"]), return_exceptions=True
    )

    assert [number for number, answer in enumerate(answers) if not isinstance(answer, Claimed)] == [7, _JOBS, _JOBS + 1]
    assert [type(answer).__name__ for answer in (answers[7], answers[-2])] == ["UnicodeDecodeError", "ResponseError"]
    assert answers[-1] == Left("unknown")


async def test_a_restart_of_the_server_in_the_middle_of_a_batch_loses_no_answer(tmp_path: Path) -> None:
    with RedisServer(tmp_path, aof=True) as server:
        cut = Cut(at=0, lost=Lost.ANSWER, then=server.restart)
        with cutting_proxy(server.port, cut) as url:
            redis = open_async(url)
            ids = await _recorded(redis)
            journal = Journal(redis, lease_ms=60_000)
            await journal.claim("unknown", "", "w:0")
            cut.at = cut.seen + 1

            answers = await asyncio.gather(*(journal.claim(job_id, "", f"w:{job_id}") for job_id in ids))

            assert cut.seen > cut.at
            assert [answer.record.id for answer in answers if isinstance(answer, Claimed)] == ids
            assert {answer.record.fence for answer in answers if isinstance(answer, Claimed)} == {"1"}
            await redis.aclose()
