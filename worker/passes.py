"""Synchronous code that waits for coroutines without blocking the event loop it runs on.

Celery runs a task through its tracer, a plain function that sends the task's signals and keeps its request: what
OpenTelemetry, Sentry and structlog hook into. Here that function runs unchanged in a greenlet on the loop's own thread,
and where our task waits for a coroutine the greenlet steps aside: a thousand tasks in hand take no thread each.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from greenlet import getcurrent, greenlet

Result = TypeVar("Result")


class _Pass(greenlet):  # type: ignore[misc]  # greenlet ships no types
    """A function on its way, which may hand awaitables to the coroutine that runs it."""


async def run_pass(function: Callable[[], Result]) -> Result:
    """Return what `function` returns; inside it, `wait_for` awaits on this coroutine's behalf.

    A cancellation arrives in `function` where it waits.
    """
    running = _Pass(function)
    running.gr_context = getcurrent().gr_context
    handed = running.switch()
    while not running.dead:
        try:
            answer = await handed
        except BaseException:  # noqa: BLE001  # whatever ended the wait is the function's to handle
            handed = running.throw(*sys.exc_info())
        else:
            handed = running.switch(answer)
    return cast("Result", handed)


def is_in_pass() -> bool:
    """Return whether `wait_for` can be used here."""
    return isinstance(getcurrent(), _Pass)


def wait_for(awaitable: Awaitable[Result]) -> Result:
    """Return the result of `awaitable`; only inside a function that `run_pass` runs.

    Raises:
        RuntimeError: it is called elsewhere.
    """
    here = getcurrent()
    if not isinstance(here, _Pass) or here.parent is None:
        raise RuntimeError("only a function that run_pass runs can wait")
    answer: Any = here.parent.switch(awaitable)
    return cast("Result", answer)
