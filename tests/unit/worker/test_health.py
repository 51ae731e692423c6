"""From the facts of a worker to the verdict on it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tasks.measures import Loop
from worker.health import Facts, liveness, readiness

WELL = Facts(
    has_started=True,
    is_stopping=False,
    lateness_s=0.0,
    since_turn_s=dict.fromkeys(Loop, 1.0),
    since_redis_s=0.1,
    redis_answers_for_s=3600.0,
    since_poll_s=0.5,
    is_full=False,
    has_queues=True,
)
STARTING = replace(WELL, has_started=False, since_turn_s=dict.fromkeys(Loop), since_redis_s=None, since_poll_s=None)
STUCK = {Loop.MOVER: 301.0}
#: what is the case, whether it lives, what is said of its readiness ("" if it is ready)
TABLE = {
    "all is well": (WELL, True, ""),
    "it waits for Redis at its start": (STARTING, True, "not started"),
    "it is told to stop": (replace(WELL, is_stopping=True), True, "stopping"),
    "it is told to stop and polls no more": (replace(WELL, is_stopping=True, since_poll_s=500.0), True, "stopping"),
    "it stops and its loops are cancelled": (replace(WELL, is_stopping=True, since_turn_s=STUCK), True, "stopping"),
    "the event loop is a little late": (replace(WELL, lateness_s=1.0), True, ""),
    "the event loop is late": (replace(WELL, lateness_s=1.1), True, "late"),
    "the event loop stands still": (replace(WELL, lateness_s=31.0), False, "late"),
    "it stands still while it stops": (replace(WELL, is_stopping=True, lateness_s=31.0), False, "stopping"),
    "a pass waits for a frozen Redis": (replace(WELL, since_turn_s={Loop.MOVER: 101.0}), True, ""),
    "a loop is stuck": (replace(WELL, since_turn_s=STUCK), False, ""),
    "the destroyer rests": (replace(WELL, since_turn_s={Loop.DESTROYER: 90.0}), True, ""),
    "Redis is away": (replace(WELL, since_redis_s=11.0, since_poll_s=11.0), True, "Redis has not answered"),
    "Redis has been away for long": (replace(WELL, since_redis_s=900.0, since_poll_s=900.0), True, "Redis"),
    "the consumer asks for nothing": (replace(WELL, since_poll_s=16.0), True, "broker"),
    "the consumer hangs": (replace(WELL, since_poll_s=121.0), False, "broker"),
    "Redis is back after long": (replace(WELL, since_poll_s=900.0, redis_answers_for_s=30.0), True, "broker"),
    "Redis is back and the consumer is not": (
        replace(WELL, since_poll_s=900.0, redis_answers_for_s=121.0),
        False,
        "broker",
    ),
    "every slot is taken, so it asks for nothing": (replace(WELL, since_poll_s=121.0, is_full=True), True, ""),
    "an operator took its queues away": (replace(WELL, since_poll_s=900.0, has_queues=False), True, "no queue"),
    "a broker that tells of no polls": (replace(WELL, since_poll_s=None), True, ""),
}


@pytest.mark.parametrize(("facts", "lives", "problem"), TABLE.values(), ids=TABLE)
def test_the_verdict_follows_from_the_facts(facts: Facts, lives: bool, problem: str) -> None:
    ready = readiness(facts)

    assert liveness(facts).is_good is lives
    assert ready.is_good is (problem == "")
    assert problem in " ".join(ready.problems)


def test_every_problem_is_told_at_once() -> None:
    worst = replace(WELL, is_stopping=True, lateness_s=5.0, since_redis_s=60.0)

    assert len(readiness(worst).problems) == 3
