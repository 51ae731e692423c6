"""The remote control commands `revoke` and `terminate`, as a worker of ours carries them out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Protocol

from celery.utils.functional import maybe_list
from celery.worker import state as worker_state
from celery.worker.control import control_command, ok
from redis.exceptions import RedisError

from tasks.revoke import Revocation, nudge_of
from trunkline_client.errors import TrunklineError

_SIGNATURE: Final = "[id1 [id2 [... [idN]]]]"
_NOT_NUDGE: Final = "discarded when it is met"
_UNANSWERED: Final = "asked again when it is met: Redis did not answer"
_TOO_MANY: Final = "asked again when it is met: too many at once"
#: A question takes 0.7 ms, in which the worker takes no message.
_MOST_ASKED: Final = 1_000
_WORDS: Final = {
    Revocation.CANCELLED: "its job is cancelled",
    Revocation.BEFORE: "its job is cancelled",
    Revocation.TOO_LATE: "too late, its job goes on",
    Revocation.STALE: "served before, its job goes on",
    Revocation.UNKNOWN: _NOT_NUDGE,
}


class Revoker(Protocol):
    """What cancels the job of a nudge."""

    def revoke(self, job_id: str, hop: str) -> Revocation:
        """Cancel the job if `hop` is its latest nudge and nothing was sent of it."""


def register_commands(revoker: Revoker) -> None:
    """Put our two commands in the place of Celery's.

    Celery's only notes the id, and the worker that meets the message discards it. So the job would be sent all the
    same: the sweeper writes a nudge again that the broker has lost. Ours cancels the job at once, in whichever worker
    is first.
    """

    @control_command(variadic="task_id", signature=_SIGNATURE)  # type: ignore[untyped-decorator]  # celery ships no types
    def revoke(_state: Any, task_id: Any, **_options: Any) -> dict[str, str]:
        """Revoke task by task id (or list of ids); the job of a nudge that still waits is cancelled."""
        return answered(revoker, maybe_list(task_id) or [])

    @control_command(  # type: ignore[untyped-decorator]
        args=[("signal", str)], variadic="task_id", signature=f"<signal> {_SIGNATURE}"
    )
    def terminate(_state: Any, signal: Any, task_id: Any, **_options: Any) -> dict[str, str]:  # noqa: ARG001
        """Do the same as `revoke`: a call to a provider is never cut off."""
        return answered(revoker, maybe_list(task_id) or [])


def answered(revoker: Revoker, task_ids: Iterable[str]) -> dict[str, str]:
    """Revoke tasks and return the answer to the operator: a sentence for each.

    Meanwhile the worker takes no message. So `_MOST_ASKED` jobs are asked about, and none after one for which Redis did
    not answer.
    """
    named = sorted(set(task_ids))
    # Also those that could not be cancelled: the worker that meets one asks again.
    worker_state.revoked.update(named)
    left, instead = _MOST_ASKED, _TOO_MANY
    sentences = []
    for task_id in named:
        nudge = nudge_of(task_id)
        if nudge is None:
            word = _NOT_NUDGE
        elif left == 0:
            word = instead
        else:
            left -= 1
            word = _revoked(revoker, *nudge)
            if word == _UNANSWERED:
                left, instead = 0, _UNANSWERED
        sentences.append(f"{task_id}: {word}")
    answer: dict[str, str] = ok("; ".join(sentences))
    return answer


def _revoked(revoker: Revoker, job_id: str, hop: str) -> str:
    try:
        return _WORDS[revoker.revoke(job_id, hop)]
    except (RedisError, TrunklineError):
        return _UNANSWERED
