"""Jobs that wait for a provider are counted, and somebody can be woken when enough do."""

from __future__ import annotations

import pytest

from tasks.calls_under_way import CallsUnderWay


def test_calls_that_have_begun_and_not_ended_are_counted() -> None:
    calls = CallsUnderWay()

    with calls, calls:
        assert calls.count == 2
    assert calls.count == 0


def test_a_call_that_fails_is_counted_no_more() -> None:
    calls = CallsUnderWay()

    with pytest.raises(OSError, match="reset"), calls:
        raise OSError("reset")
    assert calls.count == 0


def test_who_wants_to_be_woken_is_woken_once_when_enough_calls_are_under_way() -> None:
    calls, woken = CallsUnderWay(), []
    calls.wake_at(2, lambda: woken.append(calls.count))

    with calls:
        assert woken == []
        with calls, calls:
            pass

    assert woken == [2]


def test_a_later_wish_takes_the_place_of_an_earlier_one() -> None:
    calls, woken = CallsUnderWay(), []
    calls.wake_at(1, lambda: woken.append("earlier"))
    calls.wake_at(2, lambda: woken.append("later"))

    with calls:
        pass

    assert woken == []
