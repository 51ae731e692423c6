"""Whether a worker lives, and whether it is ready: pure rules from facts to a verdict.

A worker that does not live is to be restarted. One that lives and is not ready is to be waited for, or has trouble that
a restart would not mend, such as a Redis that is away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tasks.measures import Loop

#: A pass of a loop may wait for Redis through all tries of its client, each up to its timeouts. A server that takes
#: connections and answers nothing, as a frozen one does, kept one pass for 82 s, five such Sentinels for 100 s.
STUCK_S: Final = 300.0
#: The loops whose passes are never further apart than seconds; the destroyer rests for a minute.
WATCHED: Final = (Loop.LEASE_KEEPER, Loop.MOVER, Loop.SWEEPER)
#: An event loop that is this late has stood still: nothing the worker does takes a second.
FROZEN_S: Final = 30.0
#: With this much lag the calls of passcodes are late.
LATE_S: Final = 1.0
REDIS_QUIET_S: Final = 10.0
#: The consumer asks for messages every second while a slot is free.
POLL_QUIET_S: Final = 15.0
POLL_STUCK_S: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a worker at one moment. All ages in seconds; None: never, or not known.

    Attributes:
        has_started: whether it has begun to take messages.
        is_stopping: whether it was told to stop.
        lateness_s: how late the event loop is now.
        since_turn_s: how long ago each loop was through with a pass.
        since_redis_s: how long ago Redis answered.
        redis_answers_for_s: for how long Redis has answered every time; None if it does not.
        since_poll_s: how long ago a message, or the word that there is none, came from the broker.
        is_full: whether every slot holds a job, so that no message is asked for.
        has_queues: whether it consumes any queue; remote control (`cancel_consumer`) may take all away.
    """

    has_started: bool
    is_stopping: bool
    lateness_s: float
    since_turn_s: Mapping[Loop, float | None]
    since_redis_s: float | None
    redis_answers_for_s: float | None
    since_poll_s: float | None
    is_full: bool
    has_queues: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong, in short sentences; nothing if all is well."""

    problems: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def liveness(facts: Facts) -> Verdict:
    """Return what only a restart mends. Before its start, and while it stops, only the event loop can be judged."""
    problems = []
    if facts.lateness_s > FROZEN_S:
        problems.append(f"the event loop has stood still for {facts.lateness_s:.0f} s")
    elif not facts.is_stopping:
        problems += _stuck_loops(facts)
        # After an outage the consumer has as long as that to come back.
        has_answered = _is_redis_there(facts) and (facts.redis_answers_for_s or 0) > POLL_STUCK_S
        if has_answered and _polls_late(facts, POLL_STUCK_S):
            problems.append(f"no answer from the broker for {facts.since_poll_s:.0f} s, though Redis answers")
    return Verdict(tuple(problems))


def readiness(facts: Facts) -> Verdict:
    """Return why it should not be counted on now."""
    problems = []
    if not facts.has_started:
        problems.append("it has not started")
    if facts.is_stopping:
        problems.append("it is stopping")
    if not facts.has_queues:
        problems.append("it was told to consume no queue")
    if facts.lateness_s > LATE_S:
        problems.append(f"the event loop is {facts.lateness_s:.1f} s late")
    if facts.has_started and not _is_redis_there(facts):
        problems.append(f"Redis has not answered for {facts.since_redis_s or 0:.0f} s")
    if not facts.is_stopping and _polls_late(facts, POLL_QUIET_S):
        problems.append(f"no answer from the broker for {facts.since_poll_s:.0f} s")
    return Verdict(tuple(problems))


def _stuck_loops(facts: Facts) -> list[str]:
    late = {loop: facts.since_turn_s.get(loop) for loop in WATCHED}
    return [f"the {loop} has made no pass for {age:.0f} s" for loop, age in late.items() if age and age > STUCK_S]


def _is_redis_there(facts: Facts) -> bool:
    return facts.since_redis_s is not None and facts.since_redis_s <= REDIS_QUIET_S


def _polls_late(facts: Facts, limit_s: float) -> bool:
    asks = facts.has_started and facts.has_queues and not facts.is_full
    return asks and facts.since_poll_s is not None and facts.since_poll_s > limit_s
