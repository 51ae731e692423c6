"""The Celery tasks: one line each. What they do is in `tasks.dispatch` and `tasks.submit`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

from celery import Celery, Task
from celery.exceptions import Reject, WorkerShutdown

from tasks.celery_requests import NudgeRequest, PrivateRequest, SafeRequest
from tasks.lease import GivenBack
from tasks.report import JobFailed, Report, line_of_many
from tasks.revoke import Revocation, nudge_of
from tasks.submit import SubmitAgain

DISPATCH: Final = "trunkline.dispatch"
DISPATCH_MANY: Final = "trunkline.dispatch_many"
SUBMIT: Final = "trunkline.submit"

_SUBMIT_PAUSE_S: Final = 1.0


class Runtime(Protocol):
    """Runs the asynchronous core for a task and waits for it.

    Every method raises `GivenBack` when the worker stopped before it was done.
    """

    def dispatch(self, job_id: str, hop: str) -> Report:
        """Carry one job one pass further."""

    def dispatch_many(self, job_ids: Sequence[str], hops: Sequence[str]) -> list[Report]:
        """Carry many jobs one pass further, side by side."""

    def submit(self, job: object, task_id: str) -> Report:
        """Record a job that came through the broker."""

    def revoke(self, job_id: str, hop: str) -> Revocation:
        """Cancel a job whose waiting nudge was revoked."""

    def pause(self, seconds: float) -> None:
        """Let a task wait; no other waits for it."""


def register(app: Celery, runtime: Runtime) -> None:
    """Define Trunkline's tasks on `app`; they run on `runtime`, which may start later."""
    # `throws`: a job that fails is an outcome, for which Celery writes one quiet line and no traceback.

    @app.task(name=DISPATCH, bind=True, Request=NudgeRequest, throws=(JobFailed,), runtime=runtime)
    def dispatch(self: Task, job_id: str, tenant: str, lane: str) -> str:  # noqa: ARG001  # shown in Flower
        with _left_to_the_broker():
            return runtime.dispatch(job_id, hop_of(self.request.id, job_id)).shown()

    @app.task(name=DISPATCH_MANY, bind=True, Request=SafeRequest)
    def dispatch_many(self: Task, job_ids: list[str], tenant: str, lane: str) -> str:  # noqa: ARG001
        with _left_to_the_broker():
            return line_of_many(runtime.dispatch_many(job_ids, hops_of(self.request.get("hops"), job_ids)))

    @app.task(name=SUBMIT, bind=True, Request=PrivateRequest)
    def submit(self: Task, *arguments: object, **named: object) -> str:
        # Whatever came instead of one job is a bad job: it gets its record, and no traceback.
        job = arguments[0] if len(arguments) == 1 and not named else None
        with _left_to_the_broker():
            try:
                return runtime.submit(job, self.request.id).line
            except SubmitAgain as error:
                # This message is the only copy of the job: it goes back to its queue, but not in a hot loop.
                runtime.pause(_SUBMIT_PAUSE_S)
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
    named = nudge_of(task_id)
    return named[1] if named and named[0] == job_id else ""


def hops_of(header: object, job_ids: Sequence[str]) -> list[str]:
    """Return the hop of each job's nudge in a chunk, "" for each if its header does not tell them."""
    if isinstance(header, list) and len(header) == len(job_ids):
        return [str(hop) for hop in header]
    return [""] * len(job_ids)
