"""Runs what blocks beside an event loop, and leaves it behind when nobody waits any more."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import TypeVar

T = TypeVar("T")


async def in_background(call: Callable[[], T]) -> T:
    """Return what a blocking call returns; whoever stops waiting for it is not held up by it, nor is the process.

    A thread of `asyncio.to_thread` would be waited for at the end of the loop.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            result = call()
        except Exception as error:  # noqa: BLE001 - handed on to whoever waits
            with contextlib.suppress(InvalidStateError):  # nobody waits any more
                future.set_exception(error)
        else:
            with contextlib.suppress(InvalidStateError):  # nobody waits any more
                future.set_result(result)

    threading.Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(future)
