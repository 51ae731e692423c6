from __future__ import annotations

import asyncio
import threading

import pytest

from worker.doctor.background import in_background


async def test_what_a_blocking_call_returns_or_raises_comes_back() -> None:
    def fail() -> None:
        raise ValueError("no")

    assert await in_background(lambda: 7) == 7
    with pytest.raises(ValueError, match="no"):
        await in_background(fail)


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_call_that_nobody_waits_for_any_more_holds_up_no_loop_and_ends_quietly() -> None:
    may_end = threading.Event()

    async def give_up() -> None:
        async with asyncio.timeout(0.01):
            await in_background(may_end.wait)

    before = set(threading.enumerate())
    with pytest.raises(TimeoutError):
        asyncio.run(give_up())
    (left,) = set(threading.enumerate()) - before

    assert left.daemon
    may_end.set()
    left.join(10)
    assert not left.is_alive()
