"""Gives jobs another life by the word of an operator: failed ones, and with consent those that may have been sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from redis.asyncio import Redis

from senders.store import AUDIT_EVENTS
from tasks import lua
from trunkline_client import keys
from trunkline_client.words import JobState, Lane

#: How often one job may be replayed.
MOST_REPLAYS: Final = 5

#: what the Redis client got instead of an answer, or the answer.
_Answer = list[str] | Exception


class Why(StrEnum):
    """Why a job is not replayed; the values are words of `replay.lua`, but for that of the sender."""

    NO_SUCH_JOB = "no_such_job"
    NOT_FAILED = "not_failed"
    REPLAYED = "replayed"
    HELD = "held"
    UNSUBSCRIBED = "unsubscribed"
    CONTENT_GONE = "content_gone"
    TOO_OFTEN = "too_often"
    MAY_HAVE_BEEN_SENT = "may_have_been_sent"
    LIFE_OVER = "life_over"
    NO_SUCH_SENDER = "no_such_sender"
    DAMAGED = "damaged"


_REASONS: Final = {
    Why.NO_SUCH_JOB: "no such job",
    Why.NOT_FAILED: "not failed ({detail})",
    Why.REPLAYED: "replayed by {detail}",
    Why.HELD: "held: --unknown asks once more, `trunkline jobs settle` ends it",
    Why.UNSUBSCRIBED: "the recipient opted out",
    Why.CONTENT_GONE: "its content is gone",
    Why.TOO_OFTEN: "replayed {detail} times already",
    Why.MAY_HAVE_BEEN_SENT: "may have been sent: --unknown asks once more, then sends it again",
    Why.LIFE_OVER: "its life is over: --ttl gives it another",
    Why.NO_SUCH_SENDER: "its tenant cannot send over {detail}",
    Why.DAMAGED: "its record cannot be read",
}

#: of the reasons that name something, the text for several jobs.
_OF_SEVERAL: Final = {
    Why.NOT_FAILED: "not failed",
    Why.REPLAYED: "replayed by another run already",
    Why.TOO_OFTEN: f"replayed {MOST_REPLAYS} times already",
    Why.NO_SUCH_SENDER: "their tenants cannot send over the sender",
}


def reason_of_several(why: Why) -> str:
    """Return why jobs were refused, for people, where it is told of several at once."""
    return _OF_SEVERAL.get(why) or _REASONS[why]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms jobs are replayed.

    Attributes:
        unknown: whether to take what may have been sent, too. Each attempt of unknown outcome is asked about once more;
            what nobody knows then is sent again and marked `maybe_twice`, or held, as the job's `on_unknown` says.
        ttl: how long they live from now; None leaves each its life.
        lane: the lane of the new life; None leaves each its own.
        via: the only sender of the new life; None for the chain of each tenant's rules.
    """

    unknown: bool = False
    ttl: timedelta | None = None
    lane: Lane | None = None
    via: str | None = None

    def as_json(self) -> dict[str, str | int | bool]:
        """Return the terms that are not the usual ones, as `replay.lua` takes them."""
        told: dict[str, str | int | bool | None] = {
            "unknown": self.unknown or None,
            "ttl_ms": None if self.ttl is None else round(self.ttl / timedelta(milliseconds=1)),
            "lane": self.lane and self.lane.value,
            "via": self.via,
        }
        return {name: value for name, value in told.items() if value is not None}

    @classmethod
    def of_json(cls, told: dict[str, Any]) -> Terms:
        """Return the terms that `as_json` returned."""
        return cls(
            unknown=bool(told.get("unknown")),
            ttl=timedelta(milliseconds=told["ttl_ms"]) if "ttl_ms" in told else None,
            lane=Lane(told["lane"]) if "lane" in told else None,
            via=told.get("via"),
        )


@dataclass(frozen=True, slots=True)
class Requeued:
    """A job that has another life, or would get one.

    Attributes:
        state: `queued`, or `reconciling` where its last outcome is asked about first. Of a job that this run had
            replayed before, what it is now.
    """

    id: str
    state: JobState


@dataclass(frozen=True, slots=True)
class Refused:
    """A job that was left as it is, and why.

    Attributes:
        detail: what the reason names: the state, the sender, how often.
    """

    id: str
    why: Why
    detail: str = ""

    @property
    def reason(self) -> str:
        """Why, for people."""
        return _REASONS[self.why].format(detail=self.detail)


Result = Requeued | Refused


class Replays:
    """Replays jobs, for one operator and as one run; a run replays each job once, whatever becomes of it."""

    def __init__(self, redis: Redis, *, actor: str, run: str, is_audited: bool = True) -> None:
        """Prepare for replays.

        Args:
            redis: a client whose answers are text.
            actor: who replays, for the audit.
            run: the id of the run.
            is_audited: whether each job gets an event in the audit; not where the run has one for all.
        """
        self._redis = redis
        self._script = lua.load(redis, "replay")
        self._run = run
        self._actor = json.dumps(actor, ensure_ascii=False) if is_audited else ""

    async def look(self, job_ids: Sequence[str], terms: Terms) -> list[Result | Exception]:
        """Return what `replay` would do with each job; nothing is changed."""
        return await self._each(job_ids, terms, "")

    async def replay(self, job_ids: Sequence[str], terms: Terms) -> list[Result | Exception]:
        """Give jobs another life under their ids, in one round trip, and return what became of each.

        Attempts stay. A job begins anew at its tenant's own account; quotas and cooldown do not count it again. Of two
        runs that take the same job exactly one requeues it. An error in the place of a result is what Redis said of
        this job; the others are done.
        """
        return await self._each(job_ids, terms, self._run)

    async def _each(self, job_ids: Sequence[str], terms: Terms, run: str) -> list[Result | Exception]:
        told = json.dumps(terms.as_json())
        pipeline = self._redis.pipeline(transaction=False)
        for job_id in job_ids:
            arguments: list[str | int] = [job_id, run, told, MOST_REPLAYS, self._actor, AUDIT_EVENTS]
            await self._script(keys=[keys.job(job_id), keys.replayed(run)], args=arguments, client=pipeline)
        answers: list[_Answer] = await pipeline.execute(raise_on_error=False)
        return [_result(job_id, answer) for job_id, answer in zip(job_ids, answers, strict=True)]


def _result(job_id: str, answer: _Answer) -> Result | Exception:
    if isinstance(answer, Exception):
        return answer
    if answer[0] == "requeued":
        return Requeued(job_id, JobState(answer[1]))
    return Refused(job_id, Why(answer[1]), answer[2])
