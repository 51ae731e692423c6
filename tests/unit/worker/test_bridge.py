"""The event loop beside the pool: what runs on it ends when it is stopped."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.lease import GivenBack
from worker.bridge import Bridge


async def nothing() -> None:
    """Do nothing."""


def test_what_runs_for_ever_ends_before_the_farewell_even_if_a_cancellation_is_lost_on_the_way() -> None:
    bridge, running, order = Bridge(), threading.Event(), []

    async def for_ever() -> None:
        try:
            while True:
                running.set()
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    order.append("cancelled")
                    if order.count("cancelled") > 1:
                        raise
        finally:
            order.append("ended")

    async def farewell() -> None:
        order.append("farewell")

    bridge.start()
    bridge.spawn(for_ever(), lambda error: None)
    running.wait()
    bridge.stop(farewell())

    assert order == ["cancelled", "cancelled", "ended", "farewell"]
    assert not bridge.is_running


def test_a_loop_without_anything_on_it_stops() -> None:
    bridge = Bridge()
    bridge.start()
    bridge.stop(nothing())

    assert not bridge.is_running


def test_what_threads_wait_for_is_ended_between_the_first_and_the_last_step_of_letting_go() -> None:
    bridge, order = Bridge(), []
    running = threading.Barrier(3)

    async def hang() -> None:
        await asyncio.get_running_loop().run_in_executor(None, running.wait)
        try:
            await asyncio.sleep(3600)
        finally:
            order.append("ended")

    async def last() -> None:
        order.append("last")

    bridge.start()
    with ThreadPoolExecutor() as threads:
        waiting = [threads.submit(bridge.run, hang()) for _ in range(2)]
        running.wait()
        assert bridge.in_hand == 2
        assert bridge.let_go(lambda: order.append("first"), last, timeout_s=10)
        for one in waiting:
            with pytest.raises(GivenBack):
                one.result()
    bridge.stop(nothing())

    assert order == ["first", "ended", "ended", "last"]


def test_what_ends_by_itself_is_not_cut_off() -> None:
    bridge, closed = Bridge(), asyncio.Event()

    async def ends_when_told() -> str:
        await closed.wait()
        return "its own result"

    bridge.start()
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(bridge.run, ends_when_told())
        while bridge.in_hand == 0:
            pass
        bridge.let_go(closed.set, nothing, timeout_s=10)
        assert waiting.result() == "its own result"
    bridge.stop(nothing())


def test_a_task_that_comes_in_the_very_turn_in_which_others_are_cancelled_still_runs() -> None:
    bridge, closed, ran = Bridge(), asyncio.Event(), threading.Event()

    async def ends_two_turns_before_the_cancellation() -> None:
        await closed.wait()
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, bridge.carry, ran.set)

    bridge.start()
    with ThreadPoolExecutor() as threads:
        threads.submit(bridge.run, ends_two_turns_before_the_cancellation())
        while bridge.in_hand == 0:
            pass
        assert bridge.let_go(closed.set, nothing, timeout_s=10)
    assert ran.wait(10)
    bridge.stop(nothing())


def test_letting_go_does_not_wait_for_ever_for_its_last_step() -> None:
    bridge = Bridge()

    async def hang() -> None:
        await asyncio.sleep(3600)

    bridge.start()
    assert not bridge.let_go(lambda: None, hang, timeout_s=0.1)
    bridge.stop(nothing())


def test_nothing_is_let_go_by_a_loop_that_never_ran() -> None:
    assert not Bridge().let_go(lambda: None, nothing, timeout_s=1)
