"""Gives jobs another life by the word of an operator: failed ones, and with consent those that may have been sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from redis.asyncio import Redis

from senders.store import AUDIT_EVENTS
from tasks import lua
from trunkline_client import keys
from trunkline_client.words import JobState

#: How often one job may be replayed.
MOST_REPLAYS: Final = 5

#: by the word of `replay.lua`.
_REASONS: Final = {
    "no_such_job": "no such job",
    "not_failed": "not failed ({detail})",
    "held": "held: --unknown asks once more, `trunkline jobs settle` ends it",
    "unsubscribed": "the recipient opted out",
    "content_gone": "its content is gone",
    "too_often": "replayed {detail} times already",
    "may_have_been_sent": "may have been sent: --unknown takes it all the same",
    "life_over": "its life is over: --ttl gives it another",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms jobs are replayed.

    Attributes:
        unknown: whether to take what may have been sent too. A held job whose last outcome is unknown is asked about
            once more; any other is sent again, and marked `maybe_twice` if it was marked `maybe_sent`.
        ttl: how long they live from now; None leaves each its life.
    """

    unknown: bool = False
    ttl: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Requeued:
    """A job that has another life, or would get one.

    Attributes:
        state: `queued`, or `reconciling` where its last outcome is asked about first.
    """

    id: str
    state: JobState


@dataclass(frozen=True, slots=True)
class Refused:
    """A job that was left as it is, and why, for people."""

    id: str
    reason: str


class Replays:
    """Replays jobs one by one, for one operator."""

    def __init__(self, redis: Redis, *, actor: str, new_token: Callable[[], str]) -> None:
        """Prepare for replays.

        Args:
            redis: a client whose answers are text.
            actor: who replays, for the audit.
            new_token: a new token for every replay.
        """
        self._script = lua.load(redis, "replay")
        self._actor = json.dumps(actor, ensure_ascii=False)
        self._new_token = new_token

    async def look(self, job_id: str, terms: Terms) -> Requeued | Refused:
        """Return what `replay` would do with a job; nothing is changed."""
        return await self._run(job_id, terms, "", look_only=True)

    async def replay(self, job_id: str, terms: Terms) -> Requeued | Refused:
        """Give a job another life under its id, and record that in the audit.

        Its attempts stay. It begins anew at its tenant's own account; quotas and cooldown do not count it again. Of two
        calls for the same job exactly one requeues it.
        """
        return await self._run(job_id, terms, self._new_token(), look_only=False)

    async def _run(self, job_id: str, terms: Terms, token: str, *, look_only: bool) -> Requeued | Refused:
        ttl_ms: int | str = "" if terms.ttl is None else round(terms.ttl / timedelta(milliseconds=1))
        arguments: list[str | int] = [job_id, token, "1" if terms.unknown else "", ttl_ms, "1" if look_only else ""]
        answer = await self._script(keys=[keys.job(job_id)], args=[*arguments, MOST_REPLAYS, self._actor, AUDIT_EVENTS])
        if answer[0] == "requeued":
            return Requeued(job_id, JobState(answer[1]))
        return Refused(job_id, _REASONS[answer[1]].format(detail=answer[2]))
