"""The troubles that plans make while jobs are sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from tests.support.chaos.fleet import Mishap
from tests.support.chaos.relay import Relay
from tests.support.chaos.run import PAUSE_S, Run
from tests.support.chaos.traps import Point

Trouble = Callable[[Run], None]

#: How often the full form strikes; the short form, with fewer jobs, strikes less often.
_MOST_STRIKES: Final = 16


def most_strikes(run: Run) -> int:
    """Return how often to strike in a run of this size."""
    return min(_MOST_STRIKES, max(3, run.total // 25))


def at_random(mishap: Mishap) -> Trouble:
    """Strike at any moment."""

    def trouble(run: Run) -> None:
        for _ in range(most_strikes(run)):
            run.wait_for_progress(run.random.randint(1, max(2, run.total // most_strikes(run) // 2)))
            if run.is_done:
                return
            slot = run.fleet.pick()
            if slot.worker:
                mishap.befall(slot.worker)
                run.struck()

    return trouble


def at(point: Point, mishap: Mishap) -> Trouble:
    """Strike at a named point."""
    return lambda run: run.spring(point, mishap, most_strikes(run))


def redis_killed(run: Run) -> None:
    """Kill the server, and start it again with its append-only file."""
    for _ in range(max(2, most_strikes(run) // 4)):
        run.wait_for_progress(run.total // 6)
        run.system.redis.kill()
        time.sleep(run.random.uniform(0.2, 3))
        run.system.redis.restart()
        run.struck()


def _without_redis(lose: Callable[[Relay], None], regain: Callable[[Relay], None], most_s: float) -> Trouble:
    """Take Redis away from all workers, for one second to `most_s`, a few times."""

    def trouble(run: Run) -> None:
        for _ in range(max(2, most_strikes(run) // 4)):
            run.wait_for_progress(run.total // 6)
            for slot in run.fleet.slots:
                lose(slot.redis)
            time.sleep(run.random.uniform(1, most_s))
            for slot in run.fleet.slots:
                regain(slot.redis)
            run.struck()

    return trouble


#: Their connections are closed, and so is every new one.
redis_cut_off: Final = _without_redis(Relay.cut, Relay.mend, 5)
#: Their connections stay open and say nothing.
redis_silent: Final = _without_redis(Relay.freeze, Relay.thaw, 7)


def failover(run: Run) -> None:
    """Kill the master for good, once the replica has every job."""
    assert run.redis
    run.redis.wait_until_copied()
    run.wait_for_progress(run.total // 3)
    run.redis.master.kill()
    run.redis.wait_for_failover()
    run.struck()


def answers_lost(run: Run) -> None:
    """Lose one in fifty of Redis's answers, after it has done what was asked."""
    for slot in run.fleet.slots:
        slot.sight.lost_answers = 0.02
    run.wait(lambda: run.ended() >= run.total * 9 // 10)
    for slot in run.fleet.slots:
        slot.sight.lost_answers = 0.0
        run.strikes += slot.sight.lost
    run.struck()


def everything(run: Run) -> None:
    """All of it, one after the other and side by side."""
    for slot in run.fleet.slots:
        slot.sight.lost_answers = 0.005
    for _ in range(most_strikes(run)):
        if run.is_done:
            break
        kind = run.random.randrange(8)
        mishap = Mishap(PAUSE_S) if kind in {0, 1} else Mishap()
        match kind:
            case 0 | 2:
                at_once(run, mishap)
            case 7:
                run.system.redis.kill()
                time.sleep(1)
                run.system.redis.restart()
            case 6:
                run.fleet.pick().redis.cut()
                time.sleep(2)
                for slot in run.fleet.slots:
                    slot.redis.mend()
            case _:
                run.spring(run.random.choice(list(Point)), mishap, 1)
        run.struck()
    for slot in run.fleet.slots:
        slot.sight.lost_answers = 0.0
        run.strikes += slot.sight.lost


def at_once(run: Run, mishap: Mishap) -> None:
    """Strike any worker now."""
    slot = run.fleet.pick()
    if slot.worker:
        mishap.befall(slot.worker)
