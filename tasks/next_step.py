"""What an attempt's end means for the job: a pure function from outcome and situation to the next step.

The table is in `docs/faults.md`; nothing here talks to Redis, Celery or HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from providers.faults import Fault, Outcome, Ruling
from providers.protocol import AttemptResult
from trunkline_client.words import Lane, OnUnknown


class Step(StrEnum):
    """The kinds of next step."""

    DONE = "done"
    ANOTHER_NUMBER = "another_number"
    RETRY_NOW = "retry_now"
    RETRY_LATER = "retry_later"
    LOOK_UP = "look_up"
    FALL_BACK = "fall_back"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to do with the job now.

    Attributes:
        delay: how long to wait first; only for `retry_later` and `look_up`.
        fault: the fault the job ends with if the chain has nothing further.
        maybe_twice: whether going on may reach the recipient a second time.
    """

    step: Step
    delay: timedelta = timedelta(0)
    fault: Fault | None = None
    maybe_twice: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What has happened to the job at its present sender.

    Attributes:
        lane: the job's lane, which sets the retry budget.
        other_numbers_tried: how many numbers besides the first were tried.
        other_numbers_allowed: how many may be.
        has_other_number: whether one not yet tried is eligible.
        unavailable_before: whether this sender could not be reached once already.
        throttled_for: how long ago this sender first answered "later"; None if it never did.
        retries: how often it was retried after "later".
        life_left: how long the job may still live.
        no_fallback: the faults after which the tenant's policy stops the chain.
        on_unknown: what the job or its policy wants for unknown outcomes.
        jitter: a random number of [0, 1).
    """

    lane: Lane
    other_numbers_tried: int
    other_numbers_allowed: int
    has_other_number: bool
    unavailable_before: bool
    throttled_for: timedelta | None
    retries: int
    life_left: timedelta
    no_fallback: frozenset[Fault]
    on_unknown: OnUnknown
    jitter: float


FIRST_LOOKUP = timedelta(seconds=1)
_THROTTLE_BUDGET = {Lane.URGENT: timedelta(seconds=2), Lane.NORMAL: timedelta(seconds=10)}
_LEAST_RETRY = timedelta(milliseconds=100)
_FIRST_RETRY = timedelta(milliseconds=500)
#: Beyond it every lane waits its longest; a bulk job may be retried for a day, and 2 to the 48 overflows a timedelta.
_MOST_DOUBLINGS = 10
_LONGEST_RETRY = {
    Lane.URGENT: timedelta(seconds=1),
    Lane.NORMAL: timedelta(seconds=4),
    Lane.BULK: timedelta(seconds=60),
}


def after_attempt(result: AttemptResult, situation: Situation) -> NextStep:
    """Return the next step after one finished attempt."""
    if result.outcome is Outcome.ACCEPTED:
        return NextStep(Step.DONE)
    if result.outcome is Outcome.UNKNOWN or result.ruling is None:
        return after_unknown(situation.on_unknown)
    if result.ruling.another_number and _may_try_another_number(situation):
        return NextStep(Step.ANOTHER_NUMBER, fault=result.ruling.fault)
    if result.ruling.retry:
        retry = _retry(result.ruling, result.retry_after_s, situation)
        if retry is not None:
            return retry
    return after_refusal(result.ruling.fault, situation.no_fallback)


def after_unknown(on_unknown: OnUnknown) -> NextStep:
    """Return the next step after an outcome nobody knows: ask first, unless the job says not to."""
    if on_unknown is OnUnknown.RESEND:
        return NextStep(Step.FALL_BACK, fault=Fault.UNAVAILABLE, maybe_twice=True)
    return NextStep(Step.LOOK_UP, delay=FIRST_LOOKUP)


def after_refusal(fault: Fault, no_fallback: frozenset[Fault]) -> NextStep:
    """Return whether a refusal that this sender cannot mend goes to the next sender or ends the job."""
    return NextStep(Step.STOP if fault in no_fallback else Step.FALL_BACK, fault=fault)


def _may_try_another_number(situation: Situation) -> bool:
    return situation.has_other_number and situation.other_numbers_tried < situation.other_numbers_allowed


def _retry(ruling: Ruling, retry_after_s: float | None, situation: Situation) -> NextStep | None:
    if ruling.fault is Fault.UNAVAILABLE:
        return None if situation.unavailable_before else NextStep(Step.RETRY_NOW, fault=ruling.fault)
    budget = min(_THROTTLE_BUDGET.get(situation.lane, situation.life_left), situation.life_left)
    left = budget - (situation.throttled_for or timedelta(0))
    wait = min(_FIRST_RETRY * 2 ** min(situation.retries, _MOST_DOUBLINGS), _LONGEST_RETRY[situation.lane])
    # Between half the wait and the whole of it: the first retry comes within 0.5 s, and retries of many jobs spread.
    delay = wait * (0.5 + situation.jitter / 2)
    if retry_after_s is not None:
        delay = max(delay, timedelta(seconds=retry_after_s))
    elif left >= _LEAST_RETRY:
        delay = min(delay, left)  # the last try comes at the end of the budget
    return NextStep(Step.RETRY_LATER, delay=delay, fault=ruling.fault) if delay <= left else None
