"""What each outcome and fault means for the job: the documented table, and rules that hold for every input."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.faults import Fault, Outcome, Ruling, ruling
from providers.protocol import AttemptResult
from tasks.next_step import Situation, Step, after_attempt, after_unknown
from trunkline_client.words import Lane, OnUnknown

SITUATION = Situation(
    lane=Lane.URGENT,
    other_numbers_tried=0,
    other_numbers_allowed=2,
    has_other_number=True,
    unavailable_before=False,
    throttled_for=None,
    retries=0,
    life_left=timedelta(minutes=5),
    no_fallback=frozenset({Fault.UNSUBSCRIBED}),
    on_unknown=OnUnknown.RECONCILE,
    jitter=0.0,
)


def refused(fault: Fault, **details: float | None) -> AttemptResult:
    return AttemptResult(outcome=Outcome.REFUSED, ruling=ruling(fault), code="1", **details)  # type: ignore[arg-type]


STEPS = {
    Fault.AUTH: Step.FALL_BACK,
    Fault.ACCOUNT: Step.FALL_BACK,
    Fault.NUMBER: Step.ANOTHER_NUMBER,
    Fault.NO_NUMBER: Step.FALL_BACK,
    Fault.NO_CHAIN: Step.FALL_BACK,
    Fault.RECIPIENT: Step.FALL_BACK,
    Fault.GEO: Step.FALL_BACK,
    Fault.BODY: Step.FALL_BACK,
    Fault.PARAMETER: Step.FALL_BACK,
    Fault.UNSUBSCRIBED: Step.STOP,
    Fault.THROTTLED: Step.RETRY_LATER,
    Fault.UNAVAILABLE: Step.RETRY_NOW,
}


@pytest.mark.parametrize(("fault", "step"), STEPS.items())
def test_each_fault_leads_to_its_documented_step(fault: Fault, step: Step) -> None:
    assert after_attempt(refused(fault), SITUATION).step is step


def test_every_fault_has_its_documented_step() -> None:
    assert set(STEPS) == set(Fault)


def test_the_documented_table_is_this_one() -> None:
    page = (Path(__file__).parents[3] / "docs" / "faults.md").read_text(encoding="utf-8")
    section = page.partition("## What each fault does next")[2].partition("##")[0]

    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", section, flags=re.MULTILINE)

    assert rows == [(fault.value, step.value) for fault, step in STEPS.items()]


def test_an_acceptance_ends_the_job() -> None:
    assert after_attempt(AttemptResult(outcome=Outcome.ACCEPTED, provider_id="SM1"), SITUATION).step is Step.DONE


def test_an_unknown_outcome_is_looked_up_before_anything_else() -> None:
    step = after_attempt(AttemptResult(outcome=Outcome.UNKNOWN, code="read_timeout"), SITUATION)

    assert (step.step, step.delay) == (Step.LOOK_UP, timedelta(seconds=1))


def test_resend_does_not_ask_and_marks_the_job() -> None:
    step = after_unknown(OnUnknown.RESEND)

    assert (step.step, step.maybe_twice) == (Step.FALL_BACK, True)


@pytest.mark.parametrize(
    "change",
    [{"other_numbers_tried": 2}, {"other_numbers_allowed": 0}, {"has_other_number": False}],
    ids=["two others tried", "setting is 0", "none left"],
)
def test_without_another_number_to_try_a_number_fault_goes_to_the_next_sender(change: dict[str, int]) -> None:
    situation = replace(SITUATION, **change)  # type: ignore[arg-type]

    assert after_attempt(refused(Fault.NUMBER), situation).step is Step.FALL_BACK


def test_a_sender_that_could_not_be_reached_is_tried_once_more_only() -> None:
    situation = replace(SITUATION, unavailable_before=True)

    assert after_attempt(refused(Fault.UNAVAILABLE), situation).step is Step.FALL_BACK


@pytest.mark.parametrize(
    ("lane", "throttled_for_s", "step"),
    [
        (Lane.URGENT, 0.5, Step.RETRY_LATER),
        (Lane.URGENT, 2.0, Step.FALL_BACK),
        (Lane.NORMAL, 7.0, Step.RETRY_LATER),
        (Lane.NORMAL, 10.0, Step.FALL_BACK),
        (Lane.BULK, 200.0, Step.RETRY_LATER),
    ],
)
def test_later_is_retried_within_the_budget_of_the_lane(lane: Lane, throttled_for_s: float, step: Step) -> None:
    situation = replace(
        SITUATION, lane=lane, throttled_for=timedelta(seconds=throttled_for_s), life_left=timedelta(hours=1)
    )

    assert after_attempt(refused(Fault.THROTTLED), situation).step is step


def test_a_retry_after_beyond_the_budget_goes_to_the_next_sender_at_once() -> None:
    assert after_attempt(refused(Fault.THROTTLED, retry_after_s=3.0), SITUATION).step is Step.FALL_BACK


def test_a_retry_after_within_the_budget_is_honoured() -> None:
    step = after_attempt(refused(Fault.THROTTLED, retry_after_s=1.5), SITUATION)

    assert (step.step, step.delay) == (Step.RETRY_LATER, timedelta(seconds=1.5))


def test_a_cap_that_lasts_for_hours_is_not_retried() -> None:
    capped = AttemptResult(outcome=Outcome.REFUSED, ruling=Ruling(Fault.THROTTLED), code="63038")

    assert after_attempt(capped, SITUATION).step is Step.FALL_BACK


def test_a_full_queue_of_one_number_tries_another_first() -> None:
    full = Ruling(Fault.THROTTLED, retry=True, another_number=True)
    result = AttemptResult(outcome=Outcome.REFUSED, ruling=full, code="21611")

    assert after_attempt(result, SITUATION).step is Step.ANOTHER_NUMBER
    assert after_attempt(result, replace(SITUATION, has_other_number=False)).step is Step.RETRY_LATER


@given(jitter=st.floats(0, 1, exclude_max=True), lane=st.sampled_from(Lane))
def test_the_first_retry_comes_within_half_a_second(jitter: float, lane: Lane) -> None:
    step = after_attempt(refused(Fault.THROTTLED), replace(SITUATION, lane=lane, jitter=jitter))

    assert timedelta(0) < step.delay <= timedelta(seconds=0.5)


@given(
    fault=st.sampled_from(Fault),
    stopped=st.frozensets(st.sampled_from(Fault)),
    tried=st.integers(0, 3),
    retries=st.integers(0, 50),
    throttled=st.none() | st.timedeltas(timedelta(0), timedelta(hours=2)),
    jitter=st.floats(0, 1, exclude_max=True),
)
def test_a_stopped_fault_never_reaches_another_sender(
    fault: Fault, stopped: frozenset[Fault], tried: int, retries: int, throttled: timedelta | None, jitter: float
) -> None:
    situation = replace(
        SITUATION,
        no_fallback=stopped,
        other_numbers_tried=tried,
        retries=retries,
        throttled_for=throttled,
        unavailable_before=True,
        jitter=jitter,
    )

    step = after_attempt(refused(fault), situation)

    assert step.fault is fault
    if fault in stopped:
        assert step.step is not Step.FALL_BACK
    assert step.delay <= situation.life_left
