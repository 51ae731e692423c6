from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.simulators.faults import (
    Delay,
    Distribution,
    FaultBox,
    FaultKind,
    FaultPlan,
    FaultPlanInvalid,
    plan_as_json,
    read_plan,
)
from providers.simulators.wire import WireRequest

REQUEST = WireRequest(
    provider="twilio",
    operation="messages.create",
    method="POST",
    path="/2010-04-01/Accounts/AC1/Messages.json",
    account="AC1",
    recipient="+12015550123",
)


def box(*plans: FaultPlan) -> FaultBox:
    armed = FaultBox()
    for plan in plans:
        armed.arm(plan)
    return armed


@pytest.mark.parametrize(
    ("field", "fits", "misses"),
    [
        ("provider", "twilio", "syniverse"),
        ("account", "AC1", "AC2"),
        ("method", "POST", "GET"),
        ("path", "*/Messages.json", "*/Calls.json"),
        ("recipient", "+12015550123", "+12015550124"),
    ],
)
def test_a_plan_strikes_only_the_requests_it_names(field: str, fits: str, misses: str) -> None:
    assert read_plan({"kind": "hang", field: fits}).matches(REQUEST)
    assert not read_plan({"kind": "hang", field: misses}).matches(REQUEST)


def test_a_plan_that_narrows_nothing_strikes_everything() -> None:
    assert box(FaultPlan(kind=FaultKind.RESET)).strike(REQUEST).plan == FaultPlan(kind=FaultKind.RESET)


@given(share=st.floats(0, 1), seed=st.integers(0, 2**32))
def test_a_share_strikes_the_same_requests_for_the_same_seed(share: float, seed: int) -> None:
    plan = FaultPlan(kind=FaultKind.HANG, share=share, seed=seed)
    first, second = box(plan), box(plan)
    assert [first.strike(REQUEST).plan for _ in range(20)] == [second.strike(REQUEST).plan for _ in range(20)]


@pytest.mark.parametrize(("share", "strikes"), [(0.0, 0), (1.0, 200)])
def test_the_outermost_shares_strike_none_and_all(share: float, strikes: int) -> None:
    armed = box(FaultPlan(kind=FaultKind.HANG, share=share))
    assert sum(armed.strike(REQUEST).plan is not None for _ in range(200)) == strikes


def test_a_limited_plan_strikes_so_often_and_no_more() -> None:
    armed = box(FaultPlan(kind=FaultKind.HANG, times=2))
    assert [armed.strike(REQUEST).plan is not None for _ in range(4)] == [True, True, False, False]
    assert armed.report()[0]["struck"] == 2


def test_the_oldest_plan_wins_and_the_next_one_keeps_its_count() -> None:
    armed = box(FaultPlan(kind=FaultKind.HANG, times=1), FaultPlan(kind=FaultKind.RESET, times=1))
    struck = [armed.strike(REQUEST).plan for _ in range(3)]
    assert [plan and plan.kind for plan in struck] == [FaultKind.HANG, FaultKind.RESET, None]


def test_delays_add_up_beside_a_fault() -> None:
    delay = FaultPlan(kind=FaultKind.DELAY, delay=Delay(0.5))
    late = FaultPlan(kind=FaultKind.DELAY, delay=Delay(2), accept_first=True)
    listing = FaultPlan(kind=FaultKind.LATE_LISTING, delay=Delay(3))
    struck = box(delay, FaultPlan(kind=FaultKind.CLOSE), delay, late, listing).strike(REQUEST)
    assert struck.plan == FaultPlan(kind=FaultKind.CLOSE)
    assert (struck.delay_s, struck.late_delay_s, struck.listed_after_s) == (1.0, 2.0, 3.0)


def test_a_connection_fault_strikes_connections_only() -> None:
    armed = box(FaultPlan(kind=FaultKind.RESET_ON_CONNECT, times=1))
    assert armed.strike(REQUEST).plan is None
    assert [armed.strike_connection(), armed.strike_connection()] == [True, False]


def test_a_disarmed_plan_strikes_no_more() -> None:
    armed = FaultBox()
    identifier = armed.arm(FaultPlan(kind=FaultKind.HANG))
    assert [armed.disarm(identifier), armed.disarm(identifier)] == [True, False]
    assert armed.strike(REQUEST).plan is None


@given(st.sampled_from(Distribution), st.floats(0, 10), st.floats(0, 2), st.integers())
def test_no_delay_is_negative(distribution: Distribution, typical_s: float, spread: float, seed: int) -> None:
    assert Delay(typical_s, distribution, spread).drawn(Random(seed)) >= 0  # noqa: S311 - a repeatable draw


def test_the_median_of_a_lognormal_delay_is_the_typical_one() -> None:
    random, delay = Random(1), Delay(0.2, Distribution.LOGNORMAL, 0.5)  # noqa: S311 - same
    drawn = sorted(delay.drawn(random) for _ in range(2001))
    assert drawn[1000] == pytest.approx(0.2, rel=0.1)


def test_a_plan_survives_the_way_through_json() -> None:
    plan = FaultPlan(
        kind=FaultKind.ANSWER, status=429, code=20429, retry_after_s=2, delay=Delay(1, Distribution.NORMAL, 2)
    )
    assert read_plan(plan_as_json(plan)) == plan


@pytest.mark.parametrize("wrong", [{"kind": "sulk"}, {"kind": "hang", "share": 2}, {"kind": "hang", "colour": 1}, {}])
def test_a_plan_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(FaultPlanInvalid):
        read_plan(wrong)
