"""The story of one job: what its record, its place and the audit tell, put together for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis.asyncio import Redis

from senders.audit_log import AuditEntry, AuditLog, Wanted
from tasks.kept_content import KeptContent, kept_content
from tasks.record import RecordUnreadable
from tasks.wanted import moment
from trunkline_client import keys
from trunkline_client.record import Status, status_of
from trunkline_client.words import Lane, Place

#: how many deeds of operators are told, the newest ones.
_MOST_DEEDS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStory:
    """One attempt.

    Attributes:
        account: what it was, or would have been, charged to.
        number: what it was sent from; None if no call was made.
        ended: None while it is open.
        outcome: None while it is open.
        is_settled: whether an operator said how it ended.
        not_honoured: wishes of the job that the provider could not meet.
        is_earlier_life: whether the job was replayed since.
    """

    sender: str
    provider: str
    account: str
    number: str | None
    started: datetime
    ended: datetime | None
    outcome: str | None
    fault: str | None
    code: str | None
    http_status: int | None
    request_id: str | None
    provider_id: str | None
    not_honoured: tuple[str, ...]
    is_settled: bool
    is_earlier_life: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an unfinished job is.

    Attributes:
        queue: the queue it is in, or was nudged in last.
        since: since when it is in its lane, or at its gate; None elsewhere.
        ahead: about how many of its lane, of its tenant if it waits for room, or of its gate are before it; else None.
        gate: the gate it waits at, as `gates.lua` names it; None elsewhere.
        until: when it is due, or when its worker's lease ends; None elsewhere.
    """

    place: Place
    queue: str
    since: datetime | None = None
    ahead: int | None = None
    until: datetime | None = None
    gate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """All that is known about a job but who it is for and what it says.

    Attributes:
        status: what `Trunkline.status` returns.
        now: when the story was read, by the clock of Redis, like all its times.
        claimed: when a worker had it in hand for the first time.
        expires: when its life ends.
        standing: None once it has ended.
        turn: the index in `chain` of the sender whose turn it is.
        wrong: of a submitted job that broke the contract: its wrong fields.
        runs: the replay runs that gave it another life, oldest first.
        used: when the producer said that its code was used.
        gone: when its record expires, None as long as it has not ended.
        deeds: what operators did to it, oldest first.
    """

    status: Status
    tenant: str
    channel: str | None
    lane: str | None
    country: str | None
    reference: str | None
    now: datetime
    created: datetime
    due: datetime | None
    claimed: datetime | None
    finished: datetime | None
    expires: datetime | None
    standing: Standing | None
    chain: tuple[str, ...]
    turn: int
    attempts: tuple[AttemptStory, ...]
    wrong: tuple[str, ...]
    replays: int
    runs: tuple[str, ...]
    used: datetime | None
    gone: datetime | None
    content: KeptContent
    deeds: tuple[AuditEntry, ...] = ()


async def read_story(redis: Redis, job_id: str) -> Story | None:
    """Return the story of a job over a client whose answers are text, None if there is no such job.

    Raises:
        RecordUnreadable: its record is damaged, or of a version that is not known here.
    """
    pipeline: Any = redis.pipeline(transaction=True)
    raw, (seconds, microseconds), left_ms = await (
        pipeline.hgetall(keys.job(job_id)).time().pttl(keys.job(job_id)).execute()
    )
    now_ms = seconds * 1000 + microseconds // 1000
    try:
        status = status_of(job_id, raw)
        if status is None:
            return None
        created_ms = int(raw["created_ms"])
        return Story(
            status=status,
            now=moment(now_ms),
            gone=moment(now_ms + left_ms) if left_ms > 0 else None,
            standing=await _standing(redis, job_id, raw),
            deeds=await _deeds(redis, job_id, moment(created_ms)),
            **_told(job_id, raw),
        )
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # not chained: the error may quote the record
        raise RecordUnreadable(f"the record of job {job_id} cannot be read ({type(error).__name__})") from None


def _told(job_id: str, raw: Mapping[str, str]) -> dict[str, Any]:
    first = int(raw.get("first_attempt") or 1)
    return {
        "tenant": raw.get("tenant", ""),
        "channel": raw.get("channel"),
        "lane": raw.get("lane"),
        "country": raw.get("country"),
        "reference": json.loads(raw.get("options") or "{}").get("reference"),
        "created": moment(int(raw["created_ms"])),
        "due": _moment(raw, "first_due_ms") or _moment(raw, "due_ms"),
        "claimed": _moment(raw, "claimed_ms"),
        "finished": _moment(raw, "finished_ms"),
        "expires": _moment(raw, "expires_ms"),
        "chain": tuple(json.loads(raw.get("chain") or "[]")),
        "turn": int(raw.get("step") or 0),
        "attempts": tuple(_attempt(raw, number, first) for number in range(1, int(raw["attempts"]) + 1)),
        "wrong": tuple(filter(None, raw.get("wrong", "").split(","))),
        "replays": int(raw.get("replays") or 0),
        "runs": tuple(raw.get("replayed_by", "").split()),
        "used": _moment(raw, "used_ms"),
        "content": kept_content(job_id, raw.get("content")),
    }


def _attempt(raw: Mapping[str, str], number: int, first: int) -> AttemptStory:
    begun, result = json.loads(raw[f"attempt:{number}"]), json.loads(raw.get(f"result:{number}") or "{}")
    return AttemptStory(
        sender=begun["sender"],
        provider=begun["provider"],
        account=begun["account"],
        number=begun.get("origin"),
        started=moment(int(begun["started_ms"])),
        ended=moment(int(result["ended_ms"])) if result.get("ended_ms") else None,
        outcome=result.get("outcome"),
        fault=result.get("fault"),
        code=result.get("code"),
        http_status=result.get("http_status"),
        request_id=result.get("request_id"),
        provider_id=result.get("provider_id"),
        not_honoured=tuple(result.get("not_honoured") or ()),
        is_settled=bool(result.get("settled")),
        is_earlier_life=number < first,
    )


async def _standing(redis: Redis, job_id: str, raw: Mapping[str, str]) -> Standing | None:
    if raw.get("finished_ms") or not raw.get("place"):
        return None
    place, queue = Place(raw["place"]), raw["queue"]
    match place:
        case Place.LANE:
            lane = Lane(raw["lane"])
            pipeline: Any = redis.pipeline(transaction=False)
            pipeline.zrank(keys.front(queue, lane), job_id).zrank(keys.placed(queue, lane), job_id)
            at_front, rank, fronted = await pipeline.zcard(keys.front(queue, lane)).execute()
            ahead = at_front if at_front is not None else None if rank is None else rank + fronted
            return Standing(place=place, queue=queue, since=_moment(raw, "placed_ms"), ahead=ahead)
        case Place.WAITING:
            before: Any = await redis.zrank(keys.waiting(queue, Lane(raw["lane"]), raw["tenant"]), job_id)
            return Standing(place=place, queue=queue, ahead=before)
        case Place.GATE:
            better: Any = await redis.zrank(keys.gate(raw["gate"], "waiting"), job_id)
            return Standing(place=place, queue=queue, since=_moment(raw, "gate_ms"), ahead=better, gate=raw["gate"])
        case Place.DELAYED:
            return Standing(place=place, queue=queue, until=_moment(raw, "due_ms"))
        case Place.ATTEMPT:
            return Standing(place=place, queue=queue, until=_moment(raw, "lease_ms"))
        case _:
            return Standing(place=place, queue=queue)


async def _deeds(redis: Redis, job_id: str, since: datetime) -> tuple[AuditEntry, ...]:
    return tuple(reversed(await AuditLog(redis).newest(Wanted(subject=job_id, since=since), _MOST_DEEDS)))


def _moment(raw: Mapping[str, str], name: str) -> datetime | None:
    return moment(int(raw[name])) if raw.get(name) else None
