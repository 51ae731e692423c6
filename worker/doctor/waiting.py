"""What waits, for how long, and what has come to a stop: read in a few steps, and rules over it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from tasks.backlog import Backlog, BacklogReader, LaneBacklog
from trunkline_client import keys
from trunkline_client.words import JobState, Lane
from worker.finding import Finding, Severity, gravest_first, named
from worker.redis_health import ServerFacts

#: How old the oldest job of a lane may be before an operator should hear of it.
_LATE: Final = {Lane.URGENT: timedelta(seconds=10), Lane.NORMAL: timedelta(minutes=5), Lane.BULK: timedelta(hours=2)}
#: How much of a lane's life may be over before its jobs are in danger.
_IN_DANGER: Final = 0.5
#: The mover of any worker comes several times a second.
_OVERDUE: Final = timedelta(seconds=30)
_RECENTLY: Final = timedelta(hours=1)
#: What a waiting job grows by until it has ended, at most (docs/redis.md).
_BYTES_A_JOB: Final = 2048
#: How many of the newest jobs of a state are asked when they ended, and why.
_SAMPLE: Final = 500


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the journal says about unfinished jobs, and about those that ended lately without being sent.

    Attributes:
        unfinished: how many there are, wherever they are.
        longest_overdue: for how long the first of the delayed jobs is due.
        faults: why jobs failed within the last hour, and how many for each reason, among the newest dead letters.
        expired: how many expired within the last hour, among the newest of those.
        held: the ids of some that are held, the newest first.
        damaged: the same for those that were set aside.
    """

    backlog: Backlog
    unfinished: int = 0
    longest_overdue: timedelta = timedelta(0)
    faults: Mapping[str, int] = field(default_factory=dict)
    expired: int = 0
    held: Sequence[str] = ()
    damaged: Sequence[str] = ()


async def read(redis: Any) -> Waiting:
    """Return what waits; raises `RedisError`."""
    backlog = await BacklogReader(redis).read()
    seconds, _ = await redis.time()
    now_ms = int(seconds) * 1000
    since_ms = now_ms - round(_RECENTLY.total_seconds() * 1000)
    async with redis.pipeline(transaction=False) as pipeline:
        pipeline.zcard(keys.UNFINISHED)
        pipeline.zrange(keys.DELAYED, 0, 0, withscores=True)
        pipeline.zrevrange(keys.HELD, 0, 9)
        pipeline.zrevrange(keys.DAMAGED, 0, 9)
        unfinished, first, held, damaged = await pipeline.execute()
    failed = await _ended(redis, JobState.FAILED, since_ms)
    expired = await _ended(redis, JobState.EXPIRED, since_ms)
    overdue_ms = max(0, now_ms - int(first[0][1])) if first else 0
    overdue = timedelta(milliseconds=overdue_ms)
    return Waiting(backlog, int(unfinished), overdue, Counter(failed), len(expired), held, damaged)


async def _ended(redis: Any, state: JobState, since_ms: int) -> list[str]:
    """Return the fault, or a dash, of each job that ended in a state since then, among the newest of that state."""
    job_ids = await redis.zrevrange(keys.ended(state), 0, _SAMPLE - 1)
    async with redis.pipeline(transaction=False) as pipeline:
        for job_id in job_ids:
            pipeline.hmget(keys.job(job_id), "finished_ms", "fault")
        records = await pipeline.execute()
    return [fault or "-" for finished_ms, fault in records if int(finished_ms or 0) >= since_ms]


def findings_of(waiting: Waiting, facts: ServerFacts) -> list[Finding]:
    """Return everything worth telling about the jobs, the gravest first.

    Args:
        waiting: the jobs.
        facts: of the server that keeps them.
    """
    return gravest_first(
        [
            *(finding for lane in waiting.backlog.lanes for finding in _late(lane)),
            *_overdue(waiting),
            *_failed(waiting),
            *_expired(waiting),
            *_held(waiting),
            *_damaged(waiting),
            *_room(waiting, facts),
        ]
    )


def _late(lane: LaneBacklog) -> Iterable[Finding]:
    age = lane.oldest_age or timedelta(0)
    if age <= _LATE[lane.lane]:
        return
    name = lane.queue if lane.queue == keys.dispatch_queue(lane.lane) else f"{lane.queue} ({lane.lane})"
    yield Finding(
        "late",
        Severity.ERROR if age > _IN_DANGER * lane.lane.default_life else Severity.WARNING,
        f"jobs that wait in {name}: {lane.jobs:,}, the oldest for {_told(age)}",
        f"a job of this lane expires unsent after {_told(lane.lane.default_life)}, unless it says otherwise",
        "start more workers, or mend those that run (see the check of the workers, and their log)",
    )


def _overdue(waiting: Waiting) -> Iterable[Finding]:
    if waiting.longest_overdue > _OVERDUE:
        yield Finding(
            "overdue",
            Severity.ERROR,
            f"jobs that are due and stay where they are: {waiting.backlog.overdue:,}, the first for "
            f"{_told(waiting.longest_overdue)}",
            "scheduled jobs, retries and lookups are brought into their lanes by the mover, which every worker runs",
            "start a worker; if one runs, look for upkeep in its log",
        )


def _failed(waiting: Waiting) -> Iterable[Finding]:
    if waiting.faults:
        faults = sorted(waiting.faults.items(), key=lambda fault: (-fault[1], fault[0]))
        yield Finding(
            "dead_letters",
            Severity.WARNING,
            f"{_count(sum(waiting.faults.values()))} failed within the last hour: "
            + ", ".join(f"{fault} {count:,}" for fault, count in faults),
            "no sender of their chains could send them",
            "trunkline jobs list --state failed shows them, docs/faults.md what each fault means; mend that, then: "
            "trunkline replay --fault FAULT",
        )


def _expired(waiting: Waiting) -> Iterable[Finding]:
    if waiting.expired:
        yield Finding(
            "expired",
            Severity.WARNING,
            f"{_count(waiting.expired)} expired unsent within the last hour",
            "their lives were over before anything could send them",
            "look for too few workers, an outage, or a --ttl that is too short; to send them after all: "
            "trunkline replay --state expired --ttl 10m",
        )


def _count(jobs: int) -> str:
    return f"{'at least ' if jobs >= _SAMPLE else ''}{jobs:,} job{'' if jobs == 1 else 's'}"


def _held(waiting: Waiting) -> Iterable[Finding]:
    if waiting.backlog.held:
        yield Finding(
            "held",
            Severity.WARNING,
            f"jobs that are held: {waiting.backlog.held:,} ({named(waiting.held, waiting.backlog.held)})",
            "they may have been sent, nobody knows, and they wait for an operator",
            "find out at the provider, then: trunkline jobs settle ID; or have it asked: "
            "trunkline replay --state held --unknown",
        )


def _damaged(waiting: Waiting) -> Iterable[Finding]:
    if waiting.backlog.damaged:
        yield Finding(
            "damaged",
            Severity.ERROR,
            f"jobs set aside: {waiting.backlog.damaged:,} ({named(waiting.damaged, waiting.backlog.damaged)})",
            "their records cannot be worked with, so nothing brings them on",
            f"HGETALL {keys.job('ID')} shows the record; was a part of this database restored, or written by hand?",
        )


def _room(waiting: Waiting, facts: ServerFacts) -> Iterable[Finding]:
    unfinished = waiting.unfinished
    limit, used = facts.number("maxmemory"), facts.number("used_memory")
    if unfinished and used < limit < used + unfinished * _BYTES_A_JOB:
        yield Finding(
            "room",
            Severity.WARNING,
            f"{unfinished:,} unfinished jobs may grow by {unfinished * _BYTES_A_JOB // 2**20:,} MiB, and "
            f"{(limit - used) // 2**20:,} MiB are free",
            "each attempt is recorded, and a failed job is kept: a full Redis then refuses new jobs",
            "raise maxmemory before they are sent",
        )


def _told(span: timedelta) -> str:
    seconds = round(span.total_seconds())
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
