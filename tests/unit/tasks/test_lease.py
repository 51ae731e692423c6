"""Leases of many jobs: none is forgotten, and no one script call is for all of them."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from providers.protocol import LeaseLost
from tasks.journal import Claimed, Journal
from tasks.lease import Hold, LeaseKeeper
from tasks.record import JobRecord, decode

_LEASE_S = 10.0


def _record(number: int) -> JobRecord:
    raw = {"tenant": "acme", "channel": "sms", "lane": "normal", "state": "dispatching", "queue": "dispatch.normal"}
    raw |= {"v": "1", "attempts": "0", "fence": "1", "step": "0", "created_ms": "1", "expires_ms": "2"}
    return decode(f"job-{number}", raw)


@dataclass
class FakeJournal:
    """Prolongs every lease but those of `lost`; is away after so many calls."""

    lost: set[str] = field(default_factory=set)
    away_after: int = 99
    calls: list[list[str]] = field(default_factory=list)

    async def renew(self, claims: list[Claimed]) -> list[Claimed]:
        if len(self.calls) >= self.away_after:
            raise RedisConnectionError("away")
        self.calls.append([claim.record.id for claim in claims])
        return [claim for claim in claims if claim.record.id in self.lost]

    release = renew


class Keeper:
    """A keeper that holds so many jobs, and its clock."""

    def __init__(self, stack: ExitStack, journal: FakeJournal, jobs: int) -> None:
        self.now = 100.0
        self.keeper = LeaseKeeper(
            cast("Journal", journal), lease_s=_LEASE_S, renew_every_s=3, monotonic=lambda: self.now
        )
        claims = [Claimed(_record(number), "w:1", 1, 1) for number in range(jobs)]
        self.holds = [stack.enter_context(self.keeper.holding(claim, self.now)) for claim in claims]

    def held(self) -> list[str]:
        """Return the jobs whose leases hold."""
        return [hold.claimed.record.id for hold in self.holds if _holds(hold)]


def _holds(hold: Hold) -> bool:
    try:
        hold.check()
    except LeaseLost:
        return False
    return True


@pytest.fixture
def stack() -> Any:
    with ExitStack() as stack:
        yield stack


async def test_many_leases_are_renewed_a_hundred_at_a_time(stack: ExitStack) -> None:
    journal = FakeJournal()
    one = Keeper(stack, journal, 250)
    one.now += _LEASE_S - 1

    assert await one.keeper.renew_once()

    one.now += _LEASE_S - 1
    assert len(one.held()) == 250
    assert sorted(map(len, journal.calls)) == [50, 100, 100]
    assert len({job for call in journal.calls for job in call}) == 250


async def test_a_lease_that_is_lost_ends_and_no_other(stack: ExitStack) -> None:
    one = Keeper(stack, FakeJournal(lost={"job-3", "job-140"}), 200)

    await one.keeper.renew_once()

    assert set(one.held()) == {f"job-{number}" for number in range(200)} - {"job-3", "job-140"}


async def test_an_outage_leaves_the_leases_that_were_renewed_before_it(stack: ExitStack) -> None:
    one = Keeper(stack, FakeJournal(away_after=2), 250)
    one.now += _LEASE_S - 1

    assert not await one.keeper.renew_once()

    one.now += _LEASE_S - 1
    assert len(one.held()) == 200


async def test_all_leases_of_a_closed_keeper_are_released_a_hundred_at_a_time(stack: ExitStack) -> None:
    journal = FakeJournal(lost={"job-7"})
    one = Keeper(stack, journal, 250)
    one.keeper.close()

    assert await one.keeper.release() == 249
    assert sorted(map(len, journal.calls)) == [50, 100, 100]
    assert one.held() == []


async def test_a_keeper_with_nothing_in_hand_asks_nobody(stack: ExitStack) -> None:
    journal = FakeJournal()
    one = Keeper(stack, journal, 0)

    assert await one.keeper.renew_once()
    assert journal.calls == []
