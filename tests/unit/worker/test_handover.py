"""What one thread collects for another."""

from __future__ import annotations

import threading

from worker.handover import Handover


def test_one_waking_is_for_all_that_comes_before_the_reader_looks() -> None:
    woken: list[str] = []
    handed: Handover[int] = Handover(lambda: woken.append("woken"))

    for item in range(3):
        handed.put(item)

    assert woken == ["woken"]
    assert list(handed.take()) == [0, 1, 2]


def test_what_comes_after_the_reader_looked_wakes_it_again() -> None:
    woken: list[str] = []
    handed: Handover[int] = Handover(lambda: woken.append("woken"))
    handed.put(1)
    list(handed.take())

    handed.put(2)

    assert woken == ["woken", "woken"]
    assert list(handed.take()) == [2]


def test_a_reader_that_forgot_is_woken_again_if_something_waits() -> None:
    woken: list[str] = []
    handed: Handover[int] = Handover(lambda: woken.append("woken"))
    handed.again()
    handed.put(1)

    handed.again()

    assert woken == ["woken", "woken"]
    assert list(handed.take()) == [1]


def test_nothing_is_lost_between_threads_and_somebody_is_always_woken_for_it() -> None:
    is_woken = threading.Event()
    taken: list[int] = []
    handed: Handover[int] = Handover(is_woken.set)

    def write(first: int) -> None:
        for step in range(500):
            handed.put(first + step)

    writers = [threading.Thread(target=write, args=(first,)) for first in (0, 500, 1000)]
    for writer in writers:
        writer.start()

    while len(taken) < 1500:
        assert is_woken.wait(10), "items wait and nobody was woken"
        is_woken.clear()
        taken += list(handed.take())

    assert sorted(taken) == list(range(1500))
