"""Where Celery's pool and the asynchronous core meet: an event loop on a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from tasks.lease import GivenBack
from trunkline_client.errors import TrunklineError
from worker.passes import is_in_pass, run_pass, wait_for

Result = TypeVar("Result")

_STOP_S = 10.0
#: how often something is cancelled before it is left behind, and how long it then has.
_CANCELLATIONS = 20
_CANCEL_S = 0.1
#: how long what ends by itself has to do so before it is cancelled.
_LAST_WORDS_S = 0.2


class NotRunning(TrunklineError):
    """A task came before the worker had started or after it had stopped."""


class Bridge:
    """An event loop on a daemon thread; it runs the pool's tasks, and other threads hand it coroutines and wait."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._background: list[Future[Any]] = []
        self._in_hand: set[asyncio.Task[Any]] = set()

    @property
    def is_running(self) -> bool:
        """Whether coroutines can be handed over."""
        return self._loop is not None

    @property
    def in_hand(self) -> int:
        """How many of the pool's tasks, and of the coroutines that threads wait for, have not ended."""
        return len(self._in_hand)

    def start(self) -> None:
        """Start the loop; returns when it runs."""
        started = threading.Event()
        loop = asyncio.new_event_loop()

        def run() -> None:
            asyncio.set_event_loop(loop)
            loop.call_soon(started.set)
            loop.run_forever()

        self._thread = threading.Thread(target=run, name="trunkline-core", daemon=True)
        self._thread.start()
        started.wait()
        self._loop = loop

    def call_soon(self, function: Callable[[], None]) -> None:
        """Call `function` on the loop; of an ended loop nobody expects anything."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(function)

    def carry(self, function: Callable[[], None]) -> None:
        """Begin `function`, which may call `run` and raises nothing; only on the loop."""
        # Noted only as it begins: one that `let_go` cancelled before would never run, and the pool would wait for it.
        asyncio.get_running_loop().create_task(self._noted(run_pass(function)))

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run `work` on the loop and return its result; a task of the pool steps aside, another thread is blocked.

        Raises:
            NotRunning: the loop is not running.
            GivenBack: `let_go` ended it.
        """
        try:
            return wait_for(work) if is_in_pass() else self._hand_over(self._noted(work)).result()
        except (CancelledError, asyncio.CancelledError) as error:
            raise GivenBack("the worker stopped before it was done") from error

    def let_go(
        self, first: Callable[[], None], last: Callable[[], Coroutine[Any, Any, None]], *, timeout_s: float
    ) -> bool:
        """Run `first`, end what is in hand, and run `last`; returns whether that was done in time.

        What is about to end by itself, such as a command to Redis, has a moment to do so.
        """

        async def end() -> None:
            first()
            if self._in_hand:
                await asyncio.wait(set(self._in_hand), timeout=_LAST_WORDS_S)
            await _cancel(set(self._in_hand))
            await last()

        try:
            self._hand_over(end()).result(timeout_s)
        except (NotRunning, TimeoutError, CancelledError):
            return False
        return True

    def spawn(self, work: Coroutine[Any, Any, None], on_death: Callable[[BaseException], None]) -> None:
        """Run `work` on the loop until `stop`, without waiting for it.

        Args:
            work: what runs for ever.
            on_death: told the error if it ends before it is stopped.
        """

        def ended(future: Future[None]) -> None:
            error = None if future.cancelled() else future.exception()
            if error is not None:
                on_death(error)

        future = self._hand_over(work)
        future.add_done_callback(ended)
        self._background.append(future)

    def stop(self, farewell: Coroutine[Any, Any, None]) -> None:
        """Cancel what was spawned, run `farewell`, and end the loop and its thread."""
        if self._loop is None or self._thread is None:
            farewell.close()
            return
        for future in self._background:
            future.cancel()
        self._background.clear()
        try:
            self._hand_over(_end(farewell)).result(timeout=_STOP_S)
        finally:
            loop, self._loop = self._loop, None
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join(timeout=_STOP_S)
            if not self._thread.is_alive():
                loop.close()

    async def _noted(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run `work` where `let_go` finds it."""
        task = asyncio.current_task()
        if task is None:
            raise NotRunning("this loop runs no tasks")
        self._in_hand.add(task)
        try:
            return await work
        finally:
            self._in_hand.discard(task)

    def _hand_over(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        if self._loop is None:
            work.close()
            raise NotRunning("this worker is not running")
        return asyncio.run_coroutine_threadsafe(work, self._loop)


async def _end(farewell: Coroutine[Any, Any, None]) -> None:
    """Let what was cancelled end, so that nothing runs on beside or after `farewell`, and run that."""
    await _wait_for_end({task for task in asyncio.all_tasks() if task.cancelling()})
    await farewell


async def _cancel(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await _wait_for_end(tasks)


async def _wait_for_end(left: set[asyncio.Task[Any]]) -> None:
    """Return when cancelled tasks have ended, or are past help.

    A cancellation is repeated: redis-py 8.1 asks with `asyncio.timeout(0)` whether there is something to read, and may
    take one on its way for its own.
    """
    for _ in range(_CANCELLATIONS):
        if not left:
            return
        _, left = await asyncio.wait(left, timeout=_CANCEL_S)
        for task in left:
            task.cancel()
