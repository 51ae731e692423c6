"""How many jobs a process has in hand, and how many more it may take: rules without Redis.

Messages count by the jobs they name. Bulk may fill three quarters of a process, so that an urgent job finds a slot
under any flood of it; what bulk holds beyond that, because its last message named many jobs, takes no slot from the
others.

A job that waits for its provider takes a slot and nothing else. One that does not takes its turn with all the others on
one core, where no lane and no head start helps the job of a quiet tenant any more, so few of those are taken at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

#: the share of the slots that bulk may hold.
_BULK_OF_4: Final = 3
#: what stands for "no limit": kombu's prefetch count is 0 then.
_NO_LIMIT: Final = 1_000_000
#: a process that is full asks again when this share of it is free, but no more than so many jobs.
_WORTH_ASKING: Final = 16
#: how many jobs in hand may need this process's own time, or Redis's. With 32 campaigns had 869 jobs a second in place
#: of 1,202, and a quiet tenant's job beside 50,000 others came to its provider after 31 ms (p50) in place of 50.
MOST_BUSY: Final = 64


@dataclass(frozen=True, slots=True)
class Taken:
    """One message in hand.

    Attributes:
        queue: the queue it came from.
        list_name: the list of that queue: one for each step of priority.
        jobs: how many jobs it names.
        is_bulk: whether they are of the bulk lane.
        is_noted: whether Redis has it in `unacked`, because it is the only copy of its job.
    """

    queue: str
    list_name: str
    jobs: int = 1
    is_bulk: bool = False
    is_noted: bool = False


@dataclass(frozen=True, slots=True)
class Room:
    """How many jobs may be taken in all, and of bulk; neither is below 0."""

    jobs: int
    bulk: int


def bulk_slots(slots: int) -> int:
    """Return how many of `slots` bulk may hold: three quarters, and at least one."""
    return max(1, slots * _BULK_OF_4 // 4)


def worth_asking(slots: int) -> int:
    """Return how much room makes a full process ask for messages again: asking for each single one costs more CPU."""
    return min(_WORTH_ASKING, max(1, slots // _WORTH_ASKING))


@dataclass(slots=True)
class InHand:
    """The messages that one channel has delivered and that are not done."""

    _taken: dict[str, Taken] = field(default_factory=dict)
    _bulk: int = 0
    _others: int = 0

    def add(self, tag: str, taken: Taken) -> None:
        """Count a message; the same tag again counts once."""
        self.remove(tag)
        self._taken[tag] = taken
        self._count(taken, taken.jobs)

    def remove(self, tag: str) -> Taken | None:
        """Count a message no more, and return what it was."""
        taken = self._taken.pop(tag, None)
        if taken is not None:
            self._count(taken, -taken.jobs)
        return taken

    def get(self, tag: str) -> Taken | None:
        """Return what a message in hand is."""
        return self._taken.get(tag)

    def room(self, slots: int, waiting: int | None = None) -> Room:
        """Return the room there is in a process with so many slots, 0 for no limit.

        Args:
            waiting: how many of the jobs in hand wait for a provider; None if nobody counts them.
        """
        slots = slots or _NO_LIMIT
        most = bulk_slots(slots)
        jobs = max(0, slots - self._others - min(self._bulk, most))
        if waiting is not None:
            jobs = min(jobs, max(0, MOST_BUSY - max(0, self._others + self._bulk - waiting)))
        return Room(jobs=jobs, bulk=min(jobs, max(0, most - self._bulk)))

    def _count(self, taken: Taken, jobs: int) -> None:
        if taken.is_bulk:
            self._bulk += jobs
        else:
            self._others += jobs
