"""What a started worker has loaded is not searched for garbage again."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from worker import garbage


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


def test_what_was_loaded_before_is_left_out_of_later_searches() -> None:
    loaded = [[one] for one in range(1_000)]

    garbage.settle()

    assert gc.get_freeze_count() >= len(loaded)
    assert not any(one is loaded for one in gc.get_objects())


def test_garbage_that_comes_later_is_still_found() -> None:
    garbage.settle()
    cycle: list[object] = []
    cycle.append(cycle)
    del cycle

    assert gc.collect() >= 1
