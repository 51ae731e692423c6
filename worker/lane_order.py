"""The order in which one process looks into its queues: urgent before normal before bulk, and none starved."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import cycle
from typing import Final

from trunkline_client import keys
from trunkline_client.words import Lane

#: Of 13 jobs taken while all lanes are full: 8 urgent, 4 normal, 1 bulk. Fallback queues count as urgent: their
#: jobs have waited once already.
WEIGHTS: Final = {
    keys.dispatch_queue(Lane.URGENT): 8,
    keys.dispatch_queue(Lane.NORMAL): 4,
    keys.dispatch_queue(Lane.BULK): 1,
}
_OTHER_WEIGHT: Final = 8


class LaneOrder:
    """A queue order for kombu (`queue_order_strategy`): turns in a round, each queue as often as it weighs.

    A turn is worth one job. A queue whose message named 16 owes its next 15 turns: counted by messages, a campaign in
    chunks had two thirds of the jobs beside an urgent lane of single ones. A turn of a queue that has nothing lapses,
    so an idle lane saves up none. kombu takes one message at a time and says from which queue (`rotate`); our transport
    hands `turns` and `debts` to a script that takes many, and says the same of each. Place and debts are kept between
    them, so the weights hold whatever the size of a batch.
    """

    def __init__(self, it: Iterable[str] | None = None) -> None:
        self.update(it or ())

    def update(self, it: Iterable[str]) -> None:
        """Take over a new set of queues."""
        self._round = turns(tuple(dict.fromkeys(it)))
        self._at = 0
        self._owed = dict.fromkeys(self._round, 0)

    def consume(self, n: int) -> list[str]:
        """Return the first `n` queues in the order to look into them."""
        owed = dict(self._owed)
        found: dict[str, None] = {}
        for queue in cycle(self.turns()) if self._round else ():
            if owed[queue]:
                owed[queue] -= 1
            else:
                found[queue] = None
            if len(found) == len(owed):
                break
        return list(found)[:n]

    def turns(self) -> tuple[str, ...]:
        """Return one whole round, the next turn first."""
        return self._round[self._at :] + self._round[: self._at]

    def debts(self, queues: Iterable[str]) -> list[int]:
        """Return how many turns each of these queues owes."""
        return [self._owed.get(queue, 0) for queue in queues]

    def rotate(self, last_used: str, jobs: int = 1) -> None:
        """Note that a message was taken from `last_used` that names so many jobs; turns before that one have lapsed."""
        if last_used not in self._owed:
            return
        while True:
            queue = self._round[self._at]
            self._at = (self._at + 1) % len(self._round)
            if self._owed[queue]:
                self._owed[queue] -= 1
            elif queue == last_used:
                break
        self._owed[last_used] = jobs - 1


@cache
def turns(queues: tuple[str, ...]) -> tuple[str, ...]:
    """Return a round of turns that spreads those of each queue evenly, the heaviest queue first: stride scheduling.

    Each queue has a place on a common time line and moves on by 1 / weight with each of its turns; the one furthest
    behind is next.
    """
    served = dict.fromkeys(queues, 0.0)
    found = []
    for _ in range(sum(map(_weight, queues))):
        queue = min(queues, key=lambda one: (round(served[one], 9), -_weight(one)))
        served[queue] += 1 / _weight(queue)
        found.append(queue)
    return tuple(found)


def _weight(queue: str) -> int:
    return WEIGHTS.get(queue, _OTHER_WEIGHT)
