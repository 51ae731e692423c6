"""Celery bootsteps: what happens around the life of a worker process."""

from __future__ import annotations

import sys
from typing import Any, Final, NoReturn

from celery import bootsteps
from celery.concurrency.base import BasePool
from celery.worker import state

from trunkline_client.errors import TrunklineError
from worker.bootstrap import WorkerRuntime
from worker.settings import Settings, load_settings
from worker.startup import StoppedEarly
from worker.stopping import EXIT_IN_ORDER, Stopping

EXIT_FAILED: Final = 1
_REFUSED_POOLS: Final = ("celery.concurrency.gevent", "celery.concurrency.eventlet")


def stop_with(message: object) -> NoReturn:
    """End the process with one message and exit code 1.

    Raises:
        SystemExit: always.
    """
    sys.stderr.write(f"trunkline: {message}\n")
    raise SystemExit(EXIT_FAILED)


class CoreStep(bootsteps.StartStopStep):  # type: ignore[misc]  # celery ships no types
    """Checks every setting before anything runs, and starts the asynchronous core before the first message is taken."""

    requires = ("celery.worker.components:Pool",)

    #: set by `worker.app`, which owns the runtime that the tasks were registered with.
    runtime: WorkerRuntime

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        refusal = refused(parent.pool_cls, autoscale=options.get("autoscale"))
        if refusal:
            stop_with(refusal)
        try:
            self._settings: Settings = load_settings()
        except TrunklineError as error:
            stop_with(error)
        # `--concurrency` beats the setting.
        self._settings = self._settings.model_copy(update={"concurrency": parent.concurrency})
        self._stopping = Stopping(self.runtime, limit_s=self._settings.stop_s, wake=lambda: _wake(parent))

    def start(self, parent: Any) -> None:  # noqa: ARG002  # Celery's signature
        """Start the core; a worker that cannot do its work ends with one message."""
        # Only now: Celery has put its own handlers in place when its first step starts.
        self._stopping.watch()
        try:
            self.runtime.start(self._settings, lambda: state.should_stop is not None)
        except StoppedEarly as error:
            raise SystemExit(EXIT_IN_ORDER) from error
        except TrunklineError as error:
            stop_with(error)

    def close(self, parent: Any) -> None:  # noqa: ARG002  # Celery's signature
        """See to the limit also if a remote `shutdown` command or an error stops the worker."""
        self._stopping.begin()

    def terminate(self, parent: Any) -> None:
        """Leave the core running: the pool's tasks still need it; `worker.app` stops it after them."""

    stop = terminate


def _wake(parent: Any) -> None:
    """End the wait of Celery's event loop, from any thread."""
    if parent.hub is not None:
        parent.hub.call_soon(int)  # a call without effect


def refused(pool: type[BasePool], *, autoscale: object) -> str | None:
    """Return why this way of running cannot be used, None if it can."""
    if pool.__module__ in _REFUSED_POOLS:
        name = pool.__module__.rpartition(".")[2]
        return (
            f"the {name} pool cannot be used: jobs run on one event loop; leave out -P, and raise --concurrency instead"
        )
    if autoscale:
        return "--autoscale cannot be used: the pool does not grow; use --concurrency"
    return None
