"""When each part of a worker last made progress."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass

from tasks.measures import Loop
from worker.heartbeats import Heartbeats


@dataclass(slots=True)
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_pass_without_an_answer_is_a_turn_and_no_progress() -> None:
    clock = Clock()
    beats = Heartbeats(clock)
    assert (beats.since_turn_s(Loop.MOVER), beats.since_redis_s()) == (None, None)
    beats.turned(Loop.MOVER, answered=True)
    clock.now += 5
    beats.turned(Loop.MOVER, answered=False)
    clock.now += 2

    assert (beats.since_turn_s(Loop.MOVER), beats.since_answer_s(Loop.MOVER), beats.since_redis_s()) == (2, 7, 7)


def test_how_long_redis_answers_is_counted_from_the_end_of_its_last_outage() -> None:
    clock = Clock()
    beats = Heartbeats(clock)
    beats.turned(Loop.MOVER, answered=True)
    clock.now += 500
    before = beats.redis_answers_for_s()
    beats.turned(Loop.MOVER, answered=False)
    meanwhile = beats.redis_answers_for_s()
    beats.turned(Loop.MOVER, answered=True)
    clock.now += 3

    assert (before, meanwhile, beats.redis_answers_for_s()) == (500, None, 3)


def test_a_lease_keeper_with_nothing_to_renew_says_nothing_about_redis() -> None:
    beats = Heartbeats(Clock())
    beats.turned(Loop.LEASE_KEEPER, answered=True)

    assert beats.since_redis_s() is None


async def test_a_frozen_event_loop_is_late_while_it_stands_and_remembered_after() -> None:
    beats = Heartbeats(time.monotonic)
    beating = asyncio.create_task(beats.beat())
    await asyncio.sleep(0.3)
    time.sleep(0.6)  # noqa: ASYNC251 -- the freeze
    during = beats.lateness_s()
    await asyncio.sleep(0.3)
    beating.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await beating

    assert during > 0.3
    assert beats.worst_lag_s() > 0.3


def test_a_loop_that_never_ran_is_not_late() -> None:
    beats = Heartbeats(Clock())

    assert (beats.lateness_s(), beats.worst_lag_s()) == (0.0, 0.0)
