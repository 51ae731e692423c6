"""The order of queues: weighted, and without starvation, shown by counting."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from trunkline_client import keys
from worker.lane_order import LaneOrder

URGENT, NORMAL, BULK = "dispatch.urgent", "dispatch.normal", "dispatch.bulk"


def take(order: LaneOrder, full: set[str], count: int) -> Counter[str]:
    """Take messages as kombu does: from the first queue of the order that has one."""
    taken: Counter[str] = Counter()
    for _ in range(count):
        queue = next(one for one in order.consume(len(keys.ALL_QUEUES)) if one in full)
        order.rotate(queue)
        taken[queue] += 1
    return taken


def test_an_idle_order_looks_at_urgent_first() -> None:
    assert LaneOrder([BULK, NORMAL, URGENT]).consume(3)[0] == URGENT


def test_full_lanes_share_by_weight_and_none_starves() -> None:
    taken = take(LaneOrder([URGENT, NORMAL, BULK]), {URGENT, NORMAL, BULK}, 1_300)

    assert taken[URGENT] > taken[NORMAL] > taken[BULK]
    assert taken[BULK] >= 90


def test_full_lanes_are_served_in_the_very_proportion_of_their_weights() -> None:
    assert take(LaneOrder(keys.ALL_QUEUES), {URGENT, NORMAL, BULK}, 1_300) == {URGENT: 800, NORMAL: 400, BULK: 100}


@given(st.sets(st.sampled_from((URGENT, NORMAL, BULK)), min_size=1), st.integers(1, 200))
def test_a_round_of_turns_serves_as_asking_for_one_message_at_a_time_does(full: set[str], count: int) -> None:
    order = LaneOrder(keys.ALL_QUEUES)
    take(order, full, count)

    in_one = [queue for queue in order.turns() if queue in full]
    one_by_one: list[str] = []
    for _ in in_one:
        one_by_one += take(order, full, 1)

    assert in_one == one_by_one


def test_empty_queues_beside_them_do_not_change_who_is_served() -> None:
    taken = take(LaneOrder(keys.ALL_QUEUES), {URGENT, NORMAL, BULK}, 1_300)

    assert taken[URGENT] > taken[NORMAL] > taken[BULK] > 0


def test_lanes_share_by_jobs_and_not_by_messages() -> None:
    order = LaneOrder([URGENT, BULK])
    jobs: Counter[str] = Counter()
    while jobs.total() < 1_000:
        queue = order.consume(1)[0]
        many = 16 if queue == BULK else 1
        order.rotate(queue, many)
        jobs[queue] += many

    assert 8 * jobs[BULK] <= jobs[URGENT] + 8 * 16


def test_a_lane_that_owes_turns_is_served_all_the_same_where_no_other_has_anything() -> None:
    order = LaneOrder([URGENT, BULK])
    order.rotate(BULK, 16)

    assert take(order, {BULK}, 3) == {BULK: 3}
    assert order.debts([URGENT, BULK]) == [0, 0]


def test_a_lane_that_was_empty_for_long_does_not_save_up_its_turns() -> None:
    order = LaneOrder([URGENT, NORMAL, BULK])
    take(order, {NORMAL}, 10_000)

    assert take(order, {URGENT, NORMAL, BULK}, 100)[NORMAL] > 10


@given(st.sets(st.sampled_from(keys.ALL_QUEUES), min_size=1))
def test_every_full_queue_is_served_within_a_bounded_number_of_turns(full: set[str]) -> None:
    order = LaneOrder(keys.ALL_QUEUES)

    assert set(take(order, full, 600)) == full


@given(st.permutations(keys.ALL_QUEUES))
def test_every_queue_is_always_in_the_order_once(queues: list[str]) -> None:
    order = LaneOrder(queues)
    order.rotate(queues[0])

    assert sorted(order.consume(len(queues))) == sorted(queues)
