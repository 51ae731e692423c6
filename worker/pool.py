"""The execution pool: Celery's tracer runs each task on the asynchronous core's own event loop, without a thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from os import getpid
from typing import Any, ClassVar, Final

import structlog
from celery.concurrency.base import BasePool, apply_target
from celery.exceptions import WorkerShutdown, WorkerTerminate

from worker.bridge import Bridge
from worker.handover import Handover

#: How often a pool that stops looks at what has ended; each end also wakes it.
_LOOK_EVERY_S: Final = 0.1

_log = structlog.get_logger("trunkline.pool")


class DispatchPool(BasePool):  # type: ignore[misc]  # celery ships no types
    """Runs every task in hand side by side on one event loop.

    Celery calls the pool on its main thread and is called back there: requests, events and acknowledgements belong to
    that thread. Tasks begin and end on the loop's. What crosses over is collected, and one wake-up carries all of it.
    """

    body_can_be_buffer = True
    signal_safe = False

    #: the loop; set by `worker.app`, which owns the runtime that the tasks wait for.
    bridge: ClassVar[Bridge]

    def on_start(self) -> None:
        """Prepare for tasks; the loop itself starts with the core."""
        self._in_hand = 0
        self._wake_main: Callable[[Callable[[], None]], None] | None = None
        self._begun: Handover[Callable[[], None]] = Handover(self._wake_loop)
        self._ended: Handover[Callable[[], None]] = Handover(self._wake_celery)

    def register_with_event_loop(self, hub: Any) -> None:
        """Hear of ended tasks on Celery's loop; also after an outage, which makes it forget what was to be called."""
        self._wake_main = hub.call_soon
        self._ended.again()

    def on_apply(
        self,
        target: Callable[..., Any],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        callback: Callable[..., Any] | None = None,
        accept_callback: Callable[..., Any] | None = None,
        **_: Any,
    ) -> None:
        """Begin a task; nothing waits, since Celery takes no more messages than the pool has room for."""
        if accept_callback is not None:
            accept_callback(getpid(), time.monotonic())
        self._in_hand += 1
        traced = partial(apply_target, target, args or (), kwargs or {}, partial(self._note, callback))
        self._begun.put(partial(self.bridge.carry, partial(self._run, traced)))

    def on_stop(self) -> None:
        """Return when every task has ended; `worker.stopping` sees to it that this takes no longer than it may."""
        while self._in_hand:
            self._ended.wait(_LOOK_EVERY_S)
            self._take_ended()

    on_terminate = on_stop

    def terminate_job(self, pid: int, signal: Any = None) -> None:  # Celery's signature
        """Do nothing: a request that left cannot be stopped, and the attempt's own deadline ends it."""

    def _wake_loop(self) -> None:
        self.bridge.call_soon(partial(_call_all, self._begun))

    def _wake_celery(self) -> None:
        if self._wake_main is not None:
            self._wake_main(self._take_ended)

    def _run(self, traced: Callable[[], None]) -> None:
        """Run a task to its end, on the loop."""
        try:
            traced()
        except (WorkerShutdown, WorkerTerminate):
            # The worker stopped before the task was done: its message stays unacknowledged, and goes back.
            self._ended.put(self._leave)

    def _note(self, callback: Callable[[Any], None] | None, result: Any) -> None:
        self._ended.put(partial(self._conclude, callback, result))

    def _conclude(self, callback: Callable[[Any], None] | None, result: Any) -> None:
        """Tell Celery how a task ended, on its thread."""
        self._leave()
        if callback is not None:
            callback(result)

    def _leave(self) -> None:
        self._in_hand -= 1

    def _take_ended(self) -> None:
        _call_all(self._ended)

    def _get_info(self) -> dict[str, Any]:
        return {**super()._get_info(), "in-hand": self._in_hand}


def _call_all(handed: Handover[Callable[[], None]]) -> None:
    """Call everything that was handed over; an error in one must not lose the others."""
    for call in handed.take():
        try:
            call()
        except Exception as error:  # noqa: BLE001  # a connection, an event, a hook: whatever Celery's callbacks meet
            _log.exception("pool.callback_failed", error=type(error).__name__)
