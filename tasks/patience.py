"""When a provider is asked about an unknown outcome, and what its answers add up to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from trunkline_client.words import Lane, OnUnknown

#: Lookups after the end of the attempt. An accepted message is normally listed at once; the last is for a late list.
_URGENT = (timedelta(seconds=1), timedelta(seconds=3), timedelta(seconds=6), timedelta(seconds=10))
_OTHERS = (*_URGENT, timedelta(seconds=30))
#: One lookup: patience may end this much later with a provider that does not answer. With 20 s before the one at 30 s,
#: an account whose calls and lookups hang took 313 slots beside a gate of 100; with this 193, of 250 in a process.
_LONGEST_LOOKUP = timedelta(seconds=3)
#: Between two lookups that are both overdue, for example after an outage of ours.
_LEAST_PAUSE = timedelta(seconds=1)
#: One empty list may be a late one; absence needs two good answers, the last at the end of patience.
_GOOD_ANSWERS = 2


class Verdict(StrEnum):
    """What is known about an unknown attempt after a lookup that did not find it."""

    ASK_AGAIN = "ask_again"
    ABSENT = "absent"
    NOBODY_KNOWS = "nobody_knows"


@dataclass(frozen=True, slots=True)
class Patience:
    """The verdict after `lookups` lookups, with the pause before the next one."""

    verdict: Verdict
    pause: timedelta = timedelta(0)


def schedule(lane: Lane) -> tuple[timedelta, ...]:
    """Return when lookups are due, counted from the end of the attempt."""
    return _URGENT if lane is Lane.URGENT else _OTHERS


def time_for_lookup(lane: Lane, *, lookups: int) -> timedelta:
    """Return how long lookup number `lookups` + 1 may take: it ends before the next one is due, and soon."""
    due = schedule(lane)
    if lookups + 1 >= len(due):
        return _LONGEST_LOOKUP
    return min(due[lookups + 1] - due[lookups], _LONGEST_LOOKUP)


def pause_before(lane: Lane, *, lookups: int, elapsed: timedelta) -> timedelta:
    """Return how long to wait before lookup number `lookups` + 1; zero or less means it is due."""
    return schedule(lane)[lookups] - elapsed


def after_lookup(lane: Lane, *, lookups: int, good_lookups: int, last_good: bool, elapsed: timedelta) -> Patience:
    """Return what to make of `lookups` lookups none of which found the message.

    Args:
        lookups: how many were made, this one included.
        good_lookups: how many of them the provider answered well.
        last_good: whether this one was.
        elapsed: the time since the attempt ended.
    """
    if lookups < len(schedule(lane)):
        return Patience(Verdict.ASK_AGAIN, max(schedule(lane)[lookups] - elapsed, _LEAST_PAUSE))
    if last_good and good_lookups >= _GOOD_ANSWERS:
        return Patience(Verdict.ABSENT)
    return Patience(Verdict.NOBODY_KNOWS)


def asks(on_unknown: OnUnknown) -> bool:
    """Return whether this policy asks the provider at all."""
    return on_unknown is not OnUnknown.RESEND
