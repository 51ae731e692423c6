from __future__ import annotations

import pytest

from providers.departure import Departure, DepartureRefused
from providers.protocol import LeaseLost


def refuse() -> None:
    raise LeaseLost("the lease ran out")


def test_a_request_nobody_watches_may_have_left() -> None:
    assert Departure().may_have_left


def test_a_watched_request_has_not_left_until_it_is_allowed() -> None:
    departure = Departure()
    departure.watch()
    assert not departure.may_have_left
    departure.allow()
    assert departure.may_have_left


def test_a_failed_check_keeps_the_request_here_and_its_error() -> None:
    departure = Departure(refuse)
    departure.watch()
    with pytest.raises(LeaseLost) as caught:
        departure.allow()
    assert departure.stopped_by is caught.value
    assert not departure.may_have_left


def test_a_checked_request_leaves_at_most_once() -> None:
    departure = Departure(lambda: None)
    departure.watch()
    departure.allow()
    with pytest.raises(DepartureRefused):
        departure.allow()
    assert departure.may_have_left


def test_a_checked_request_that_is_handed_over_again_has_still_left() -> None:
    departure = Departure(lambda: None)
    departure.watch()
    departure.allow()
    departure.watch()
    with pytest.raises(DepartureRefused):
        departure.allow()
    assert departure.may_have_left


def test_a_plain_read_may_be_repeated() -> None:
    departure = Departure()
    departure.watch()
    departure.allow()
    departure.allow()
    assert departure.may_have_left


def test_a_request_that_was_given_up_never_leaves() -> None:
    departure = Departure()
    departure.watch()
    departure.abandon()
    with pytest.raises(DepartureRefused):
        departure.allow()
    assert not departure.may_have_left


def test_giving_up_after_departure_does_not_change_the_fact() -> None:
    departure = Departure()
    departure.watch()
    departure.allow()
    departure.abandon()
    assert departure.may_have_left
