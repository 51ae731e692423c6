"""Settles a held job by the word of an operator who found out what became of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from senders.store import AUDIT_EVENTS
from tasks import lua
from tasks.moves import BOUND_KEEP_MS
from trunkline_client import keys
from trunkline_client.errors import TrunklineError
from trunkline_client.words import JobState


class NotSettled(TrunklineError):
    """A job cannot be settled this way; the text says why. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class WasSent:
    """The operator knows that a message of the job was sent.

    Attributes:
        attempt: the number of its attempt; None where only one has an unknown outcome.
        provider_id: the provider's id of the message, None if nobody knows it.
        keep_content: whether recipient and text are kept, as for any other job that is sent.
    """

    attempt: int | None = None
    provider_id: str | None = None
    keep_content: bool = False


@dataclass(frozen=True, slots=True)
class WasNotSent:
    """The operator knows that no message of the job was sent."""


#: by the word of `settle.lua`; the job is named before it.
_REASONS: Final = {
    "no_such_job": "there is no such job; finished jobs are kept for a time only",
    "not_held": "it is not held, but {detail}",
    "none_unknown": "no attempt of it can have been sent: settle it with --failed, or give it another life",
    "several_unknown": "nobody knows the outcome of attempts {detail}: say with --attempt which one was sent",
    "not_unknown": "attempt {detail} cannot have been sent: it was not made, or it was refused",
    "bound": "that message is the one of attempt {detail}",
}
_LOOKED_UP: Final = "it is being looked up, which ends by itself within a minute"


async def settle(redis: Redis, job_id: str, ending: WasSent | WasNotSent, *, actor: str, token: str) -> JobState:
    """Bring a held job to its end, record that in the audit, and return the job's state.

    A later answer of the provider still counts: it is taken as evidence where it says that a message was accepted.

    Args:
        redis: a client whose answers are text.
        job_id: the job.
        ending: what the operator knows. With `WasNotSent` every attempt of unknown outcome counts as refused, and the
            marks go, so a replay may take the job.
        actor: who settles it.
        token: new for every call; the same token again changes nothing and returns the job's state.

    Raises:
        NotSettled: the job is not held, or the attempt that was sent is not clear.
    """
    sent = ending if isinstance(ending, WasSent) else None
    arguments: list[str | int] = [job_id, token, "sent" if sent else "failed"]
    arguments += [(sent and sent.attempt) or "", (sent and sent.provider_id) or "", BOUND_KEEP_MS]
    arguments += ["1" if sent and sent.keep_content else "", json.dumps(actor, ensure_ascii=False), AUDIT_EVENTS]
    answer = await lua.load(redis, "settle")(keys=[keys.job(job_id)], args=arguments)
    if answer[0] == "settled":
        return JobState(answer[1])
    raise NotSettled(f"{job_id} cannot be settled: {_reason(*answer[1:])}")


def _reason(why: str, detail: str) -> str:
    if why == "not_held" and detail == JobState.RECONCILING:
        return _LOOKED_UP
    return _REASONS[why].format(detail=detail)
