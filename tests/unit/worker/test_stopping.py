"""How the end of a process is seen to, with a core that has what the test says in hand."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from celery.worker import state

from worker.stopping import Stopping

NEVER_S = 3600.0


@dataclass(slots=True)
class FakeCore:
    """Has jobs in hand for so many looks, and notes what happens to it and to the process."""

    looks: int = 0
    done: list[str] = field(default_factory=list)

    @property
    def in_hand(self) -> int:
        """One job, until it was looked at often enough."""
        self.looks -= 1
        return int(self.looks >= 0)

    def give_back(self) -> None:
        """Note it."""
        self.done.append("gave back")


@pytest.fixture(autouse=True)
def _celery_state() -> Iterator[None]:
    yield
    state.should_stop = None


def stopping(core: FakeCore, *, limit_s: float = NEVER_S) -> Stopping:
    return Stopping(
        core,
        limit_s=limit_s,
        wake=lambda: core.done.append("woken"),
        closing_s=0.2,
        end=lambda code: core.done.append(f"ended {code}"),
    )


def test_the_first_signal_waits_until_nothing_is_in_hand() -> None:
    core = FakeCore(looks=5)
    one = stopping(core)

    one.on_signal(signal.SIGTERM, None)
    one.see_to_it()

    assert core.done == ["woken", "gave back", "ended 0"]
    assert core.looks < 0


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_second_signal_gives_back_what_is_in_hand(second: signal.Signals) -> None:
    core = FakeCore(looks=10**9)
    one = stopping(core)

    one.on_signal(signal.SIGTERM, None)
    one.on_signal(second, None)
    one.see_to_it()

    assert core.done == ["woken", "gave back", "ended 0"]


def test_sigquit_does_not_wait_at_all() -> None:
    core = FakeCore(looks=10**9)
    one = stopping(core)

    one.on_signal(signal.SIGQUIT, None)
    one.see_to_it()

    assert core.done == ["woken", "gave back", "ended 0"]


def test_the_limit_ends_the_wait() -> None:
    core = FakeCore(looks=10**9)
    one = stopping(core, limit_s=0.1)

    one.on_signal(signal.SIGINT, None)
    one.see_to_it()

    assert core.done == ["woken", "gave back", "ended 0"]


def test_a_stop_that_follows_a_signal_is_no_second_signal() -> None:
    core = FakeCore(looks=5)
    one = stopping(core)

    one.on_signal(signal.SIGTERM, None)
    one.begin()
    one.see_to_it()

    assert core.looks < 0


def test_a_stop_without_a_signal_is_seen_to_as_well() -> None:
    core = FakeCore()
    one = stopping(core)

    one.begin()
    one.see_to_it()

    assert core.done == ["woken", "gave back", "ended 0"]


def test_celery_is_told_to_stop_in_order_whatever_the_signal() -> None:
    one = stopping(FakeCore())

    one.on_signal(signal.SIGQUIT, None)

    assert (state.should_stop, state.should_terminate) == (0, None)
