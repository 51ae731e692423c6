"""The event loop beside the pool: what runs on it ends when it is stopped."""

from __future__ import annotations

import asyncio
import threading

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
