"""How a worker process ends: in order, within a limit, and at once if it is asked twice.

Celery 5.7 ignores a second SIGTERM, waits for its threads without a limit, and looks at signals only between two
messages; its cold shutdown runs inside the signal handler. Here a handler only takes note, Celery is always told to
stop in the warm way, and a thread beside it sees to the limit.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final, Protocol

import structlog
from celery.worker import state

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
EXIT_IN_ORDER: Final = 0
#: Celery ends within 1.2 s; with Redis frozen it would wait for its sockets, 10 s for each.
CLOSING_S: Final = 2.0
_LOOK_EVERY_S: Final = 0.1

_log = structlog.get_logger("trunkline.worker")


def ignore_signals() -> None:
    """Let a process that has stopped keep its exit code: while Python ends, a signal would kill it."""
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)


class Core(Protocol):
    """What has jobs in hand."""

    @property
    def in_hand(self) -> int:
        """How many jobs are being worked on."""

    def give_back(self) -> None:
        """End all of them, for other workers to take; returns soon, whether or not Redis answers."""


class Stopping:
    """Watches over the end of one process.

    The first SIGTERM or SIGINT stops in order: no more messages, and what is in hand has `limit_s` to end. A second
    signal, whichever, and a SIGQUIT at any time end that wait. Then the rest is given back and the process ends, by
    itself or, if something still keeps it, by force: what a forced end leaves behind is healed like a crash.

    Args:
        core: gives back what is in hand.
        limit_s: how long what is in hand may take to end, in seconds.
        wake: makes Celery look at the signal now instead of within a second.
        closing_s: how long Celery has to end once nothing is in hand any more, in seconds.
        end: ends the process by force.
    """

    def __init__(
        self,
        core: Core,
        *,
        limit_s: float,
        wake: Callable[[], None],
        closing_s: float = CLOSING_S,
        end: Callable[[int], None] = os._exit,
    ) -> None:
        self._core = core
        self._limit_s = limit_s
        self._wake = wake
        self._closing_s = closing_s
        self._end = end
        # Its `put` is safe in a signal handler, even in one that interrupts another.
        self._requests: SimpleQueue[int] = SimpleQueue()
        self._is_asked = False

    def watch(self) -> None:
        """Begin to watch; signals are taken over if this is the main thread."""
        threading.Thread(target=self.see_to_it, name="trunkline-stopping", daemon=True).start()
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                signal.signal(number, self.on_signal)
        if state.should_stop is not None:
            self.begin()  # a signal came before

    def on_signal(self, number: int, _frame: object) -> None:
        """Take note of a signal."""
        self._is_asked = True
        state.should_stop = EXIT_IN_ORDER
        self._requests.put(number)

    def begin(self) -> None:
        """Stop in order because Celery does, unless a signal was the reason."""
        if not self._is_asked:
            self._is_asked = True
            self._requests.put(signal.SIGTERM)

    def see_to_it(self) -> None:
        """Wait for the first request, and see the process to its end."""
        is_hurried = self._requests.get() == signal.SIGQUIT
        self._wake()
        _log.info("worker.stopping", in_hand=self._core.in_hand, limit_s=0 if is_hurried else self._limit_s)
        if not is_hurried:
            self._wait_for_jobs()
        self._core.give_back()
        time.sleep(self._closing_s)
        _log.warning("worker.ended_by_force")
        self._end(EXIT_IN_ORDER)

    def _wait_for_jobs(self) -> None:
        """Return when the limit has passed, another signal has come, or nothing has been in hand for a while."""
        now = time.monotonic()
        give_up_at, busy_at = now + self._limit_s, now
        while now < min(give_up_at, busy_at + self._closing_s):
            try:
                self._requests.get(timeout=_LOOK_EVERY_S)
            except Empty:
                now = time.monotonic()
                busy_at = now if self._core.in_hand else busy_at
            else:
                return
