"""How much more a process may take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.in_hand import MOST_BUSY, InHand, Room, Taken, bulk_slots, worth_asking

SLOTS = 8


def message(jobs: int = 1, *, is_bulk: bool = False) -> Taken:
    queue = "dispatch.bulk" if is_bulk else "dispatch.normal"
    return Taken(queue=queue, list_name=queue, jobs=jobs, is_bulk=is_bulk)


def holding(*messages: Taken) -> InHand:
    in_hand = InHand()
    for number, each in enumerate(messages):
        in_hand.add(str(number), each)
    return in_hand


def test_an_empty_process_has_room_for_all_its_slots_and_three_quarters_of_them_for_bulk() -> None:
    assert holding().room(SLOTS) == Room(jobs=8, bulk=6)


def test_a_message_counts_by_the_jobs_it_names() -> None:
    assert holding(message(3), message(2, is_bulk=True)).room(SLOTS) == Room(jobs=3, bulk=3)


def test_bulk_leaves_a_quarter_of_the_slots_to_others_however_many_jobs_its_last_message_names() -> None:
    assert holding(message(100, is_bulk=True)).room(SLOTS) == Room(jobs=2, bulk=0)


def test_others_may_take_every_slot() -> None:
    assert holding(message(8)).room(SLOTS) == Room(jobs=0, bulk=0)


def test_what_is_done_makes_room_again() -> None:
    in_hand = holding(message(8), message(2))

    assert in_hand.remove("0") == message(8)
    assert in_hand.remove("0") is None
    assert in_hand.room(SLOTS) == Room(jobs=6, bulk=6)


def test_the_same_message_again_counts_once() -> None:
    in_hand = holding(message(3))
    in_hand.add("0", message(3))

    assert in_hand.room(SLOTS).jobs == 5


def test_a_channel_without_a_limit_always_has_room() -> None:
    assert holding(message(5_000)).room(0).jobs > 0


@pytest.mark.parametrize(("slots", "bulk"), [(1, 1), (2, 1), (4, 3), (64, 48), (1000, 750)])
def test_bulk_may_hold_three_quarters_of_the_slots_and_at_least_one(slots: int, bulk: int) -> None:
    assert bulk_slots(slots) == bulk


@pytest.mark.parametrize(("slots", "room"), [(0, 1), (1, 1), (16, 1), (64, 4), (1000, 16)])
def test_a_full_process_asks_for_more_than_single_messages(slots: int, room: int) -> None:
    assert worth_asking(slots) == room


@given(
    st.lists(st.builds(message, st.integers(1, 20), is_bulk=st.booleans()), max_size=30),
    st.integers(2, 100),
    st.data(),
)
def test_no_amount_of_bulk_takes_the_room_of_others(messages: list[Taken], slots: int, data: st.DataObject) -> None:
    in_hand = holding(*messages)
    for tag in data.draw(st.sets(st.integers(0, 29))):
        in_hand.remove(str(tag))
    others = sum(each.jobs for n, each in enumerate(messages) if in_hand.get(str(n)) and not each.is_bulk)

    room = in_hand.room(slots)

    assert room.jobs >= min(slots - bulk_slots(slots), slots) - others
    assert 0 <= room.bulk <= room.jobs


@pytest.mark.parametrize(
    ("waiting", "jobs"),
    [(0, 0), (90, MOST_BUSY - 10), (100, MOST_BUSY), (150, MOST_BUSY)],
    ids=["none waits", "ten do not", "all wait", "those of an earlier channel wait too"],
)
def test_few_jobs_are_taken_beside_those_that_do_not_wait_for_a_provider(waiting: int, jobs: int) -> None:
    assert holding(message(100)).room(500, waiting).jobs == jobs


def test_slots_are_still_the_limit_where_all_jobs_wait_for_a_provider() -> None:
    assert holding(message(490)).room(500, 490).jobs == 10
