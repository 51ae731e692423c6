"""The journal: the record of every job and attempt in Redis, moved only by its scripts.

Every method is one round trip, which those of a job in hand share with other jobs. All are safe to repeat with equal
arguments, so the Redis client may re-send a command whose answer was lost.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from redis.asyncio import Redis

from senders.pacing import Gate
from senders.policy import Rule
from tasks import lua
from tasks.attempt_json import COMPACT
from tasks.moves import BOUND_KEEP_MS, Move
from tasks.record import JobRecord, decode
from tasks.script_calls import Calls, ScriptCalls
from trunkline_client import keys
from trunkline_client.words import JobState


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job in hand: its record, Redis time at the claim, and the version of its tenant's configuration."""

    record: JobRecord
    owner: str
    now_ms: int
    config_version: int

    @property
    def queue_wait_ms(self) -> int:
        """How long the nudge waited for a worker."""
        return max(0, self.now_ms - self.record.placed_ms)


@dataclass(frozen=True, slots=True)
class Left:
    """A job this nudge has no business with, and why: unknown, finished, elsewhere or stale."""

    why: str


class Begun(StrEnum):
    """Whether an attempt was recorded: yes; no for want of life, or by a limit; no, somebody else has the job."""

    BEGUN = "begun"
    EXPIRED = "expired"
    COOLDOWN = "cooldown"
    QUOTA = "quota"
    LOST = "lost"

    @property
    def refused_by(self) -> Rule | None:
        """The limit that refused the job."""
        return _LIMITS.get(self.value)


@dataclass(frozen=True, slots=True)
class Waits:
    """No attempt was recorded: the job is out of this worker's hands, and waits at a gate."""

    gate: str


class Counted(StrEnum):
    """Whether a job was counted: yes, no by a limit, or no because somebody else has it."""

    COUNTED = "counted"
    COOLDOWN = "cooldown"
    QUOTA = "quota"
    LOST = "lost"

    @property
    def refused_by(self) -> Rule | None:
        """The limit that refused the job."""
        return _LIMITS.get(self.value)


_LIMITS = {rule.value: rule for rule in (Rule.COOLDOWN, Rule.QUOTA)}


@dataclass(frozen=True, slots=True)
class Binding:
    """Which message of a provider settles an attempt.

    Attributes:
        provider_id: the message, now bound to the attempt; None if there is none.
        is_contested: whether one is free that may be what another attempt, whose call still runs, has just sent.
    """

    provider_id: str | None = None
    is_contested: bool = False


@dataclass(frozen=True, slots=True)
class Swept:
    """What one pass of the sweeper mended.

    Attributes:
        has_more: whether a batch was full, so that another pass will find more.
    """

    given_back: int
    orphaned: int
    renudged: int
    filled: int
    has_more: bool

    @property
    def put_back(self) -> dict[str, int]:
        """How many jobs were put back, by why."""
        return {
            "given_back": self.given_back,
            "orphaned": self.orphaned,
            "renudged": self.renudged,
            "filled": self.filled,
        }

    @property
    def total(self) -> int:
        """How many jobs were put back."""
        return sum(self.put_back.values())


class Journal:
    """The journal scripts bound to one Redis client with decoded answers."""

    def __init__(self, redis: Redis, *, lease_ms: int, calls: Calls | None = None) -> None:
        """Bind the scripts.

        Args:
            redis: the client.
            lease_ms: how long a claim lasts.
            calls: calls the scripts of jobs in hand; without it, in pipelines that they share.
        """
        self._redis = redis
        self._lease_ms = lease_ms
        self._calls = calls or ScriptCalls(redis)
        self._bind = lua.load(redis, "bind")
        self._renew = lua.load(redis, "renew")
        self._move_due = lua.load(redis, "move_due")
        self._sweep = lua.load(redis, "sweep")
        self._forget = lua.load(redis, "forget")
        self._reject = lua.load(redis, "reject")
        self._in_question = lua.load(redis, "in_question")

    async def claim(self, job_id: str, hop: str, owner: str) -> Claimed | Left:
        """Take the job in hand for `owner`, which must be new for every claim.

        Raises:
            RecordUnreadable: the record is damaged or of another version; the lease keeps others away until it ends.
        """
        answer = await self._run("claim", job_id, [job_id, hop, owner, self._lease_ms])
        if answer[0] == "left":
            return Left(answer[1])
        flat = answer[3]
        record = decode(job_id, dict(zip(flat[::2], flat[1::2], strict=True)))
        return Claimed(record, owner, int(answer[1]), int(answer[2]))

    async def begin_attempt(
        self,
        claimed: Claimed,
        number: int,
        attempt: str,
        *,
        chain: tuple[str, ...],
        least_life_ms: int,
        twins: str,
        limits: str = "",
        country: str | None = None,
        gates: Sequence[Gate] = (),
        ahead_ms: int = 0,
    ) -> Begun | Waits:
        """Record attempt `number` before its call, if the lease, the life, the gates and the limits admit it.

        Args:
            attempt: what `moves.attempt_json` returned.
            chain: the sender keys to store; empty to leave them as they are.
            least_life_ms: how much life the attempt needs.
            twins: what `twins_of` returned.
            limits: what `limits_of` returned; a job counted before is not counted again.
            country: the recipient's, None if unknown; stored with the chain, for listings.
            gates: what `gates_of` returned.
            ahead_ms: how long the provider's own queue may be for the job to join it.
        """
        record = claimed.record
        arguments: list[Any] = [record.id, claimed.owner, record.fence, number, attempt, self._lease_ms, least_life_ms]
        arguments += [json.dumps(chain) if chain else "", limits, twins, country or "", ahead_ms]
        arguments += [part for gate in gates for part in (gate.name, gate.need)]
        answer = await self._run("begin_attempt", record.id, arguments)
        return Waits(answer[1]) if answer[0] == "waits" else Begun(answer[-1])

    async def count(self, claimed: Claimed, limits: str) -> Counted:
        """Count a job against `limits` (what `limits_of` returned), once, if the lease holds and they admit it."""
        record = claimed.record
        answer = await self._run("count", record.id, [record.id, claimed.owner, record.fence, limits])
        return Counted(answer[-1])

    async def finish(self, claimed: Claimed, move: Move, *, sealed_content: str | None) -> JobState | None:
        """Carry out `move`; returns the job's state, or None if the job is no longer this worker's.

        Args:
            sealed_content: replaces clear content when the job lives on; None leaves it.
        """
        details: dict[str, Any] = {**move.extra, "fields": dict(move.fields), "uncalled": move.uncalled}
        if sealed_content is not None:
            details["content"] = sealed_content
        if move.kind == "stay":
            details["lease_ms"] = self._lease_ms
        record = claimed.record
        answer = await self._run(
            "finish",
            record.id,
            [
                record.id,
                claimed.owner,
                record.fence,
                move.attempt,
                move.result,
                move.outcome.value if move.outcome else "",
                move.kind,
                COMPACT.encode(details),
            ],
        )
        return JobState(answer[1]) if answer[0] == "done" else None

    async def bind(self, account: str, candidates: tuple[str, ...], attempt_id: str, *, twins: str = "") -> Binding:
        """Bind to this attempt the first provider message of `candidates` that it may claim.

        Args:
            account: the account whose messages they are.
            candidates: ids of messages that match, best first.
            attempt_id: our id of the attempt.
            twins: what `twins_of` returned; "" where the provider names the attempt, so that there is no doubt.
        """
        if not candidates:
            return Binding()
        bound = [keys.provider_message(account, candidate) for candidate in candidates]
        index = int(await self._bind(keys=[twins, *bound], args=[attempt_id, BOUND_KEEP_MS]))
        return Binding(candidates[index - 1] if index > 0 else None, is_contested=index < 0)

    async def renew(self, claims: list[Claimed]) -> list[Claimed]:
        """Prolong the leases of `claims`; returns those that no longer hold."""
        return await self._renew_for(self._lease_ms, claims)

    async def release(self, claims: list[Claimed]) -> list[Claimed]:
        """End the leases of `claims`, so that the next sweep puts their jobs back; returns those that held no more."""
        return await self._renew_for(0, claims)

    async def _renew_for(self, lease_ms: int, claims: list[Claimed]) -> list[Claimed]:
        arguments: list[str | int] = [lease_ms]
        for claimed in claims:
            arguments += [claimed.record.id, claimed.owner, claimed.record.fence]
        lost = set(await self._renew(keys=[], args=arguments))
        return [one for one in claims if f"{one.record.id} {one.record.fence}" in lost]

    async def aclose(self) -> None:
        """Give up the calls that are under way for jobs in hand."""
        await self._calls.aclose()

    async def _run(self, script: str, job_id: str, arguments: Sequence[str | int]) -> Any:
        return await self._calls.call(lua.script(script), [keys.job(job_id)], arguments)

    async def reject_unrecorded(self, job_id: str, tenant: str, fields: tuple[str, ...]) -> None:
        """Record a submitted job that breaks the contract; `fields` names what was wrong, without values."""
        await self._reject(keys=[keys.job(job_id)], args=[job_id, tenant, ",".join(fields)])

    async def move_due(self, limit: int) -> tuple[int, int | None]:
        """Bring due jobs into their lanes; returns how many, and the ms until the next is due (None if none is)."""
        moved, next_in_ms = await self._move_due(keys=[], args=[limit])
        return int(moved), None if int(next_in_ms) < 0 else int(next_in_ms)

    async def sweep(self, limit: int, nudge_age_ms: int) -> Swept:
        """Put back jobs whose place no longer holds them; returns what was mended."""
        back, orphaned, renudged, filled, more = await self._sweep(keys=[], args=[limit, nudge_age_ms])
        return Swept(int(back), int(orphaned), int(renudged), int(filled), has_more=more == 1)

    async def forget(self, limit: int) -> int:
        """Take index entries of jobs whose records have expired away, at most `limit`; returns how many."""
        return int(await self._forget(keys=[], args=[limit]))

    async def in_question(self, job_ids: list[str]) -> set[str]:
        """Return every sender, as a member of `keys.RETIRED`, whose attempt one of these jobs may have to ask about."""
        return set(await self._in_question(keys=[], args=job_ids)) if job_ids else set()
