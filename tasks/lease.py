"""Keeps the leases of a worker's jobs alive, and knows locally whether each still holds."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog
from redis.exceptions import RedisError

from providers.protocol import LeaseLost
from tasks.journal import Claimed, Journal
from tasks.measures import NO_MEASURES, Loop, Measures
from trunkline_client.errors import TrunklineError

#: Trusted less than Redis grants, for the way of the answer and for clocks that run apart.
_MARGIN_S: Final = 0.5
#: To renew 1,000 leases in one script holds Redis for 10 ms, in which every other call of every worker waits.
_AT_ONCE: Final = 100

_log = structlog.get_logger("trunkline.lease")


class GivenBack(TrunklineError):
    """This worker stops before it is done; the message belongs back in its queue, where one too many is harmless."""


@dataclass(slots=True, eq=False)
class Hold:
    """One claimed job's lease as this worker sees it.

    Attributes:
        claimed: the claim it belongs to.
        valid_until: local monotonic time, in seconds.
        claimed_at: local monotonic time of the claim, in seconds.
    """

    claimed: Claimed
    claimed_at: float
    valid_until: float
    monotonic: Callable[[], float] = field(repr=False)

    def check(self) -> None:
        """Return if the lease still holds.

        Raises:
            LeaseLost: it ran out or was taken over; nothing may be sent.
        """
        if self.monotonic() >= self.valid_until:
            raise LeaseLost(f"the lease of job {self.claimed.record.id} ran out before the first byte")

    def now_ms(self) -> int:
        """Return Redis time in ms since 1970, from the claim's answer and the local clock since."""
        return self.claimed.now_ms + round((self.monotonic() - self.claimed_at) * 1000)


class LeaseKeeper:
    """Renews every hold of this process once per period, a hundred in one script call."""

    def __init__(
        self,
        journal: Journal,
        *,
        lease_s: float,
        renew_every_s: float,
        monotonic: Callable[[], float],
        measures: Measures = NO_MEASURES,
    ) -> None:
        self._journal = journal
        self._lease_s = lease_s
        self._renew_every_s = renew_every_s
        self._monotonic = monotonic
        self._measures = measures
        self._holds: set[Hold] = set()
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Whether this worker has given up its leases; it takes no job in hand any more."""
        return self._is_closed

    def close(self) -> None:
        """End every hold, and every one that still comes: nothing more is sent, and no lease is renewed."""
        self._is_closed = True
        for hold in self._holds:
            hold.valid_until = -math.inf

    async def release(self) -> int:
        """End the leases of a closed keeper in Redis, for the next sweep; returns how many jobs were still held.

        Nothing of this worker may run on a job any more. The sweep puts a job without an open attempt at the front of
        its lane; the outcome of an open one is unknown, and any worker looks it up.

        Raises:
            RedisError: Redis is away; the leases run out by themselves.
        """
        released = 0
        for holds in _batches(self._holds):
            claims = [hold.claimed for hold in holds]
            released += len(claims) - len(await self._journal.release(claims))
        return released

    @contextlib.contextmanager
    def holding(self, claimed: Claimed, asked_at: float) -> Iterator[Hold]:
        """Keep the claim's lease alive inside the block; a closed keeper remembers it for `release`.

        Args:
            asked_at: local monotonic time before the claim was sent; the lease began no earlier.
        """
        until = -math.inf if self._is_closed else asked_at + self._lease_s - _MARGIN_S
        hold = Hold(claimed, self._monotonic(), until, self._monotonic)
        self._holds.add(hold)
        try:
            yield hold
        finally:
            if not self._is_closed:
                self._holds.discard(hold)

    async def run(self) -> None:
        """Renew for ever, until cancelled; an outage of Redis lets the leases run out and is logged."""
        while True:
            await asyncio.sleep(self._renew_every_s)
            self._measures.loop_turned(Loop.LEASE_KEEPER, answered=await self.renew_once())

    async def renew_once(self) -> bool:
        """Renew every hold; those Redis no longer grants end at once. Returns False if Redis did not answer."""
        for holds in _batches(self._holds):
            # those that ended while the batches before were renewed have no lease to lose
            held = [hold for hold in holds if hold in self._holds]
            if self._is_closed:
                break
            if held and not await self._renew(held):
                return False
        return True

    async def _renew(self, holds: Sequence[Hold]) -> bool:
        asked_at = self._monotonic()
        try:
            lost = await self._journal.renew([hold.claimed for hold in holds])
        except RedisError as error:
            _log.warning("lease.renewal_failed", held=len(self._holds), error=type(error).__name__)
            return False
        if self._is_closed:
            return True
        for hold in holds:
            if hold.claimed in lost:
                hold.valid_until = asked_at
            else:
                hold.valid_until = max(hold.valid_until, asked_at + self._lease_s - _MARGIN_S)
        return True


def _batches(holds: Collection[Hold]) -> Iterator[list[Hold]]:
    """Return the present holds in parts that Redis does quickly."""
    every = list(holds)
    return (every[start : start + _AT_ONCE] for start in range(0, len(every), _AT_ONCE))
