"""Ctrl-C for commands that take their time: it is never lost, and what follows something ends in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

#: how long the task has to end before it is told again.
_AGAIN_S: Final = 0.1


def until_interrupted() -> Callable[[], bool]:
    """Return whether Ctrl-C was pressed since, to be asked; from now on it does nothing else."""
    # Not by a cancellation, asyncio's own answer to Ctrl-C: redis-py 8.1 asks with `asyncio.timeout(0)` whether there
    # is something to read, and that takes a cancellation on its way for its own. A Ctrl-C during the printing was lost.
    interrupted = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupted.set)
    return interrupted.is_set


@contextmanager
def ended_by_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C end the running task, which raises `KeyboardInterrupt`, whatever happens to its cancellation.

    Not for a task that asks questions: they have a way of their own to hear of it.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    again: asyncio.TimerHandle | None = None

    def cancel() -> None:
        # Until it has ended: redis-py loses a cancellation now and then, see above. Of six Ctrl-C during a replay of
        # thousands of jobs one was lost, and the replay went on.
        nonlocal again
        if task is not None:
            task.cancel()
        again = loop.call_later(_AGAIN_S, cancel)

    loop.add_signal_handler(signal.SIGINT, cancel)
    try:
        yield
    except asyncio.CancelledError:
        if again is None:
            raise
        raise KeyboardInterrupt from None
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        if again is not None:
            again.cancel()
