"""Ctrl-C for commands that follow something: they end in order, between two answers of Redis."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable


def until_interrupted() -> Callable[[], bool]:
    """Return whether Ctrl-C was pressed since, to be asked; from now on it does nothing else."""
    # Not by a cancellation, asyncio's own answer to Ctrl-C: redis-py 8.1 asks with `asyncio.timeout(0)` whether there
    # is something to read, and that takes a cancellation on its way for its own. A Ctrl-C during the printing was lost.
    interrupted = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupted.set)
    return interrupted.is_set
