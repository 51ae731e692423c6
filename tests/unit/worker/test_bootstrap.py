"""What the runtime of a worker does by itself."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.lease import GivenBack
from worker.bootstrap import WorkerRuntime


async def nothing() -> None:
    """Do nothing."""


def test_a_task_that_pauses_needs_none_of_the_time_of_its_process() -> None:
    runtime = WorkerRuntime()
    runtime.bridge.start()
    with ThreadPoolExecutor() as threads:
        paused = threads.submit(runtime.pause, 3600)
        while runtime.calls.count == 0:
            pass
        runtime.bridge.let_go(lambda: None, nothing, timeout_s=10)
        with pytest.raises(GivenBack):
            paused.result()

    assert runtime.calls.count == 0
    runtime.bridge.stop(asyncio.sleep(0))
