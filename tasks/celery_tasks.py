"""The Celery tasks: one line each. What they do is in `tasks.dispatch` and `tasks.submit`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol

from celery import Celery, Task
from celery.exceptions import Reject, WorkerShutdown
from celery.worker.request import Request

from tasks.lease import GivenBack
from tasks.submit import SubmitAgain

DISPATCH: Final = "trunkline.dispatch"
DISPATCH_MANY: Final = "trunkline.dispatch_many"
SUBMIT: Final = "trunkline.submit"

_SUBMIT_PAUSE_S: Final = 1.0

#: Shown instead of a submitted job's arguments. Not empty: Celery would print the arguments themselves instead.
HIDDEN: Final = "(***)"


class Runtime(Protocol):
    """Runs the asynchronous core for a task and waits for it; every method returns a line that is safe to show.

    Every method raises `GivenBack` when the worker stopped before it was done.
    """

    def dispatch(self, job_id: str, hop: str) -> str:
        """Carry one job one pass further."""

    def dispatch_many(self, job_ids: Sequence[str]) -> str:
        """Carry many jobs one pass further, side by side."""

    def submit(self, job: object, task_id: str) -> str:
        """Record a job that came through the broker."""


class PrivateRequest(Request):  # type: ignore[misc]  # celery ships no types
    """A request whose arguments never show in events, logs, Flower or `inspect`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._argsrepr = self._kwargsrepr = HIDDEN
        self._request_dict.update(argsrepr=HIDDEN, kwargsrepr=HIDDEN)

    def info(self, safe: bool = False) -> dict[str, Any]:  # noqa: ARG002  # Celery's signature
        """Return what remote control may see: never the arguments."""
        shown: dict[str, Any] = super().info(safe=True)
        return shown


def register(app: Celery, runtime: Runtime) -> None:
    """Define Trunkline's tasks on `app`; they run on `runtime`, which may start later."""

    @app.task(name=DISPATCH, bind=True)
    def dispatch(self: Task, job_id: str, tenant: str, lane: str) -> str:  # noqa: ARG001  # shown in Flower
        with _left_to_the_broker():
            return runtime.dispatch(job_id, hop_of(self.request.id, job_id))

    @app.task(name=DISPATCH_MANY)
    def dispatch_many(job_ids: list[str], tenant: str, lane: str) -> str:  # noqa: ARG001  # shown in Flower
        with _left_to_the_broker():
            return runtime.dispatch_many(job_ids)

    @app.task(name=SUBMIT, bind=True, Request=f"{__name__}:{PrivateRequest.__name__}")
    def submit(self: Task, *arguments: object, **named: object) -> str:
        # Whatever came instead of one job is a bad job: it gets its record, and no traceback.
        job = arguments[0] if len(arguments) == 1 and not named else None
        with _left_to_the_broker():
            try:
                return runtime.submit(job, self.request.id)
            except SubmitAgain as error:
                # This message is the only copy of the job: it goes back to its queue, but not in a hot loop.
                time.sleep(_SUBMIT_PAUSE_S)
                raise Reject(error, requeue=True) from error


@contextmanager
def _left_to_the_broker() -> Iterator[None]:
    """Neither acknowledge nor log a message if the worker stopped before it was done with it.

    The transport puts such messages at the front of their queues when it closes. A `Reject` would put them at the back,
    and write a traceback for each.

    Raises:
        WorkerShutdown: the worker stopped; the pool takes no further notice of the task.
    """
    try:
        yield
    except GivenBack as error:
        raise WorkerShutdown(0) from error


def hop_of(task_id: str, job_id: str) -> str:
    """Return the hop a nudge's task id `{job}.{hop}` names, "" if the task was called in another way."""
    prefix, _, hop = task_id.rpartition(".")
    return hop if prefix == job_id and hop.isdigit() else ""
