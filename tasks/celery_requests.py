"""How Celery holds our messages in a worker: what its events tell, and what a revocation does."""

from __future__ import annotations

from typing import Any, Final

import structlog
from billiard.einfo import ExceptionWithTraceback
from celery.worker import state
from celery.worker.request import Request
from redis.exceptions import RedisError

from tasks.revoke import nudge_of
from trunkline_client.errors import TrunklineError

#: Shown instead of a submitted job's arguments. Not empty: Celery would print the arguments themselves instead.
HIDDEN: Final = "(***)"

_log = structlog.get_logger("trunkline.broker")


class SafeRequest(Request):  # type: ignore[misc]  # celery ships no types
    """A request whose events tell nothing private, and that nothing ends half-way."""

    _error: BaseException | None = None

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:
        """Note the error, for the event that tells of it."""
        error = exc_info.exception
        self._error = error.exc if isinstance(error, ExceptionWithTraceback) else error
        return super().on_failure(exc_info, send_failed_event, return_ok)

    def send_event(self, type: str, **fields: Any) -> None:  # noqa: A002  # Celery's signature
        """Send an event without a traceback; of an error that is not ours it has the name, as its text may quote."""
        if "exception" in fields:
            fields.update(exception=_shown(self._error), traceback="")
        super().send_event(type, **fields)

    def terminate(self, pool: Any, signal: Any = None) -> None:
        """Do nothing. No thread can be killed; Celery would acknowledge the message while its job is worked on."""


class NudgeRequest(SafeRequest):
    """A nudge: revoking it cancels its job, and where that is too late it is served like any other."""

    def revoked(self) -> bool:
        """Return whether the nudge is to be discarded; then its event has been sent."""
        named = nudge_of(self.id)
        if named and self.id in state.revoked and not self._is_cancelled(*named):
            # Discarding it would only delay the job: the sweeper would write another.
            state.revoked.discard(self.id)
        return bool(super().revoked())

    def _is_cancelled(self, job_id: str, hop: str) -> bool:
        try:
            return bool(self.task.runtime.revoke(job_id, hop).is_cancelled)
        except (RedisError, TrunklineError) as error:
            _log.warning("revoke.unanswered", job=job_id, error=type(error).__name__)
            return False


class PrivateRequest(SafeRequest):
    """A request whose arguments never show in events, logs, Flower or `inspect`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._argsrepr = self._kwargsrepr = HIDDEN
        self._request_dict.update(argsrepr=HIDDEN, kwargsrepr=HIDDEN)

    def info(self, safe: bool = False) -> dict[str, Any]:  # noqa: ARG002  # Celery's signature
        """Return what remote control may see: never the arguments."""
        shown: dict[str, Any] = super().info(safe=True)
        return shown


def _shown(error: BaseException | None) -> str:
    return repr(error) if isinstance(error, TrunklineError) else type(error).__name__
