"""Attempts that have gates to pass, script by script, and what is asked of a gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from providers.protocol import Origin, OriginType
from senders.pacing import Gate
from tasks.attempt_json import attempt_json
from tasks.journal import Begun, Claimed, Journal, Waits
from tasks.moves import Move
from tests.support.flow import twilio
from tests.support.journal import TextRedis, enqueue, now_ms
from tests.support.places import contradictions, picture
from trunkline_client import keys
from trunkline_client.words import JobState, Lane

REQUESTS, NUMBER = "requests:AC1", "segments:AC1:+12015550100"
AHEAD_MS = {Lane.URGENT: 60_000, Lane.NORMAL: 20_000, Lane.BULK: 2_000}


def one_at_a_time(most: int = 1) -> Gate:
    """Return a gate that lets `most` attempts run at once."""
    return Gate(REQUESTS, most)


def number(ms: float = 1_000) -> Gate:
    """Return the gate of a number where a message takes so long."""
    return Gate(NUMBER, ms)


@dataclass(slots=True)
class AtGates:
    """Workers of one database whose attempts have these gates to pass, one step at a time.

    Attributes:
        hands: the claims of the attempts that run, by job.
    """

    redis: TextRedis
    gates: Sequence[Gate]
    hands: dict[str, Claimed] = field(default_factory=dict)
    _numbers: count[int] = field(default_factory=lambda: count(1))

    @property
    def journal(self) -> Journal:
        """The journal of the database."""
        return Journal(self.redis, lease_ms=10_000)

    async def arrive(self, job_id: str, lane: Lane = Lane.NORMAL, **more: Any) -> Begun | Waits:
        """Enqueue a job and bring it as far as it comes."""
        await enqueue(self.redis, job_id, lane=lane, **more)
        return await self.come(job_id)

    async def come(self, job_id: str) -> Begun | Waits:
        """Claim a job that stands in a lane, and begin its next attempt."""
        return await self.begin(await self.claim(job_id))

    async def claim(self, job_id: str) -> Claimed:
        """Claim a job that stands in a lane; its nudge is gone then."""
        hop = await self.redis.hget(keys.job(job_id), "hop")
        claimed = await self.journal.claim(job_id, hop, f"worker:{next(self._numbers)}")
        assert isinstance(claimed, Claimed), claimed
        return claimed

    async def begin(self, claimed: Claimed) -> Begun | Waits:
        """Begin the next attempt of a claimed job."""
        record = claimed.record
        attempts = len(record.attempts) + 1
        attempt = attempt_json(record.id, attempts, twilio(), Origin(OriginType.NUMBER, "+12015550100"), claimed.now_ms)
        begun = await self.journal.begin_attempt(
            claimed,
            attempts,
            attempt,
            chain=("acme-twilio",),
            least_life_ms=5_000,
            twins="tl:calling:x",
            gates=self.gates,
            ahead_ms=AHEAD_MS[record.lane],
        )
        if begun is Begun.BEGUN:
            self.hands[record.id] = claimed
        return begun

    async def end(self, job_id: str, move: Move) -> JobState | None:
        """End the running attempt of a job."""
        sealed = None if move.state is JobState.SENT else "f1:x"
        return await self.journal.finish(self.hands.pop(job_id), move, sealed_content=sealed)

    async def pass_time(self, ms: int) -> None:
        """Let the provider's queue of the number grow shorter, and those who wait there come nearer to the end."""
        key = keys.gate(NUMBER, "empty")
        empty, now = await self.redis.get(key), await now_ms(self.redis)
        if empty and float(empty) - ms > now:
            await self.redis.set(key, float(empty) - ms, px=60_000)
        else:
            await self.redis.delete(key)
        for gate, due in await self.redis.zrange(keys.GATES_DUE, 0, -1, withscores=True):
            await self.redis.zadd(keys.GATES_DUE, {gate: due - ms})
            for what in ("called", "lives"):
                for job_id, at in await self.redis.zrange(keys.gate(gate, what), 0, -1, withscores=True):
                    await self.redis.zadd(keys.gate(gate, what), {job_id: at - ms})
        await self.journal.move_due(50)

    async def waiting(self, gate: str = REQUESTS) -> list[str]:
        """Return the jobs that wait at a gate, the next first."""
        waiting: list[str] = await self.redis.zrange(keys.gate(gate, "waiting"), 0, -1)
        return waiting

    async def nudged(self) -> set[str]:
        """Return the jobs that stand in a lane."""
        jobs = await self.redis.zrange(keys.UNFINISHED, 0, -1)
        return {one for one in jobs if await self.redis.hget(keys.job(one), "place") == "lane"}

    async def running(self, gate: str = REQUESTS) -> int:
        """Return how much of the width of a gate is taken."""
        return int(await self.redis.zcard(keys.gate(gate, "open")))

    async def is_sound(self) -> bool:
        """Whether every job is in exactly one place and every gate knows who is behind it."""
        return contradictions(await picture(self.redis), lane_window=64, head_starts=32) == []
