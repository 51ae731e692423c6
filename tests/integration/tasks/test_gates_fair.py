"""Jobs that their gates let in share a lane with those of others: counted in claims, on the real scripts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest

from senders.pacing import Gate
from tasks.journal import Begun, Waits
from tests.support import hands
from tests.support.gates import REQUESTS, AtGates, number, one_at_a_time
from tests.support.journal import TENANT, TextRedis, enqueue, named_in, nudges
from trunkline_client import keys
from trunkline_client.words import Lane

pytestmark = pytest.mark.integration

WIDTH, STOCK = 8, 40


@dataclass(slots=True)
class Busy:
    """A worker that is slower than all providers: each call ends before the next job is claimed."""

    at: AtGates
    served: list[str] = field(default_factory=list)

    async def come(self, tenant: str, job_id: str) -> None:
        """Enqueue a job of a tenant."""
        await enqueue(self.at.redis, job_id, tenant=tenant)

    async def stock(self, tenant: str) -> None:
        """Let the provider of a tenant hang until so many jobs wait at its gate, and then answer."""
        for one in range(WIDTH + STOCK):
            await self.come(tenant, f"{tenant}.{one}")
            await self._pass()
        for job_id in list(self.at.hands):
            await self.at.end(job_id, hands.sent(job_id, 1))

    async def serve(self, jobs: int) -> list[str]:
        """Serve so many nudges; returns the tenants of those that were sent."""
        before = len(self.served)
        for _ in range(jobs):
            job_id = await self._pass()
            if job_id in self.at.hands:
                await self.at.end(job_id, hands.sent(job_id, 1))
                self.served.append(job_id.partition(".")[0])
        return self.served[before:]

    async def _pass(self) -> str:
        message = await self.at.redis.rpop(keys.dispatch_queue(Lane.NORMAL))
        if message is None:
            return ""
        ((job_id, _),) = named_in(message)
        tenant = job_id.partition(".")[0]
        self.at.gates = [Gate(f"requests:{tenant}", WIDTH)] if tenant.startswith("paced") else []
        await self.at.come(job_id)
        return job_id


@pytest.fixture
async def busy(redis: TextRedis) -> Busy:
    """A worker in an empty database, whose messages name one job each."""
    await redis.hset(keys.TUNING, mapping={"chunk_jobs": 1})
    return Busy(AtGates(redis, []))


async def test_those_that_waited_at_a_gate_leave_others_their_share_of_the_lane(busy: Busy) -> None:
    await busy.stock("paced")
    for one in range(20):
        await busy.come("other", f"other.{one}")

    shares = Counter(await busy.serve(40))

    assert shares["other"] >= 10, shares
    assert shares["paced"] >= 10, shares
    assert await busy.at.is_sound()


async def test_quiet_tenants_keep_their_head_starts_beside_those_that_waited_at_gates(busy: Busy) -> None:
    """A claim without a head start earns one back: where no such claim came through, the ninth of these waited."""
    await busy.at.redis.hset(keys.TUNING, mapping={"head_starts": 8})
    await busy.stock("paced")

    for one in range(24):
        await busy.come(f"quiet{one}", f"quiet{one}.1")
        await busy.serve(2)

    assert len([one for one in busy.served if one.startswith("quiet")]) >= 20, busy.served
    assert await busy.at.is_sound()


async def test_two_tenants_with_jobs_at_gates_share_a_lane(busy: Busy) -> None:
    await busy.stock("paced1")
    await busy.stock("paced2")

    shares = Counter(await busy.serve(2 * STOCK))

    assert min(shares["paced1"], shares["paced2"]) >= STOCK // 2, shares
    assert await busy.at.is_sound()


async def test_a_called_job_keeps_its_share_while_it_stands_behind_others(redis: TextRedis) -> None:
    at = AtGates(redis, [one_at_a_time()])
    await redis.hset(keys.TUNING, mapping={"head_starts": 0})
    for job_id in ("a", "b", "c"):
        await at.arrive(job_id)
    await enqueue(redis, "other", tenant="globex")

    await at.end("a", hands.sent("a", 1))
    await at.pass_time(5_100)

    assert (await nudges(redis))[-2:] == ["other", "b"]
    assert await at.waiting() == ["c"]
    assert await at.come("b") is Begun.BEGUN
    assert await at.is_sound()


async def test_a_share_is_not_forgotten_however_long_the_line_is(redis: TextRedis) -> None:
    at = AtGates(redis, [one_at_a_time()])
    await redis.hset(keys.TUNING, mapping={"head_starts": 0})
    await at.arrive("a")
    await at.arrive("b")
    await enqueue(redis, "other", tenant="globex")
    await at.end("a", hands.sent("a", 1))

    await redis.zadd(keys.gate(REQUESTS, "open"), {"called b": 1})
    await at.pass_time(5_100)

    assert await at.arrive("new") == Waits(REQUESTS)
    assert await at.come("b") is Begun.BEGUN


async def test_no_more_stand_in_line_than_may_join_the_queue_of_a_number_at_once(redis: TextRedis) -> None:
    """They come together if their lane was slow: 60 s of bulk in line would be 60 s before every passcode."""
    at = AtGates(redis, [number(1_000)])
    await redis.hset(keys.TUNING, mapping={"head_starts": 0})
    for one in range(13):
        await at.arrive(f"bulk-{one}", Lane.BULK)
    await enqueue(redis, "other", tenant="globex", lane=Lane.BULK)

    for _ in range(20):
        await at.pass_time(5_100)

    assert await at.nudged() == {"bulk-3", "bulk-4", "bulk-5", "other"}
    assert [await at.come(f"bulk-{one}") for one in (3, 4, 5)] == [Begun.BEGUN] * 3
    assert await at.is_sound()


async def test_where_a_window_is_full_a_called_job_is_the_next_of_its_tenant(redis: TextRedis) -> None:
    at = AtGates(redis, [one_at_a_time()])
    await redis.hset(keys.TUNING, mapping={"head_starts": 0, "lane_window": 2, "chunk_jobs": 1})
    for job_id in ("a", "b", "c"):
        await at.arrive(job_id)
    for job_id in ("d", "e", "f", "g"):
        await enqueue(redis, job_id)
    await enqueue(redis, "other", tenant="globex")

    await at.end("a", hands.sent("a", 1))
    assert await at.nudged() == {"d", "e", "other"}
    await at.pass_time(5_100)
    await at.come("d")

    assert await at.nudged() == {"b", "e", "other"}
    assert await at.come("b") is Begun.BEGUN
    assert await redis.zrange(keys.waiting(keys.dispatch_queue(Lane.NORMAL), Lane.NORMAL, TENANT), 0, -1) == ["g"]
