"""What a job costs Redis does not grow with the jobs of others, counted in commands: times depend on the machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

import pytest

from providers.faults import Outcome
from providers.protocol import AttemptResult
from tasks import moves
from tasks.journal import Claimed, Journal
from tests.support.journal import TextRedis, enqueue, now_ms
from trunkline_client import keys
from trunkline_client.words import Lane

pytestmark = pytest.mark.integration

FEW: Final = 100
MANY: Final = 1_000
ATTEMPT: Final = '{"id":"quiet.a1","sender":"own","provider":"twilio","account":"AC1","started_ms":1}'
SENT: Final = moves.sent(
    sender="own", provider="twilio", account="AC1", provider_id="SM1", attempt_id="quiet.a1", keep_content=False
).ending(1, AttemptResult(outcome=Outcome.ACCEPTED, provider_id="SM1"), 1)


async def _commands(redis: TextRedis, work: Callable[[], Awaitable[object]]) -> Counter[str]:
    """Return how often each command was called meanwhile, in scripts and outside."""
    await redis.config_resetstat()
    await work()
    stats = await redis.info("commandstats")
    counted = Counter({name.removeprefix("cmdstat_"): int(each["calls"]) for name, each in stats.items()})
    return counted - Counter({"info": 1, "config|resetstat": 1, "script|load": counted["script|load"]})


async def _flood(redis: TextRedis, jobs: int) -> None:
    for number in range(jobs):
        await enqueue(redis, f"flood-{number}", tenant="flood")
        await enqueue(redis, f"later-{number}", tenant="flood", send_at_ms=await now_ms(redis) + 3_600_000)
    failed = {f"failed-{number}": number for number in range(1, jobs + 1)}
    await redis.zadd(keys.DEAD, failed)
    await redis.zadd(keys.FORGET, {f"{job_id} flood": 4_102_444_800_000 for job_id in failed})


async def _carry_one(redis: TextRedis, journal: Journal) -> None:
    await enqueue(redis, "quiet", tenant="quiet")
    claimed = await journal.claim("quiet", "1", "worker:a")
    assert isinstance(claimed, Claimed)
    await journal.begin_attempt(claimed, 1, ATTEMPT, chain=("own",), least_life_ms=1, twins="tl:calling:quiet")
    await journal.finish(claimed, SENT, sealed_content=None)


async def _keep_up(redis: TextRedis, journal: Journal) -> None:
    await redis.zadd(keys.placed("dispatch.normal", Lane.NORMAL), {"flood-0": 1})
    await journal.sweep(100, 10_000)
    await journal.move_due(50)
    await journal.forget(100)
    await journal.renew([])


async def test_a_quiet_job_costs_the_same_beside_any_number_of_others(redis: TextRedis, journal: Journal) -> None:
    await _carry_one(redis, journal)  # every script is loaded now
    await _keep_up(redis, journal)
    counts: list[Counter[str]] = []
    for jobs in (FEW, MANY):
        await redis.flushall()
        await _flood(redis, jobs)
        counts.append(await _commands(redis, lambda: _carry_one(redis, journal)))
        counts.append(await _commands(redis, lambda: _keep_up(redis, journal)))

    assert counts[:2] == counts[2:]
    assert sum(counts[0].values()) < 100
