"""The order in which one process looks into its queues: urgent before normal before bulk, and none starved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from trunkline_client import keys
from trunkline_client.words import Lane

#: Of 13 messages taken while all lanes are full: 8 urgent, 4 normal, 1 bulk. Fallback queues count as urgent: their
#: jobs have waited once already.
WEIGHTS: Final = {
    keys.dispatch_queue(Lane.URGENT): 8,
    keys.dispatch_queue(Lane.NORMAL): 4,
    keys.dispatch_queue(Lane.BULK): 1,
}
_OTHER_WEIGHT: Final = 8


class LaneOrder:
    """A queue order for kombu (`queue_order_strategy`): stride scheduling.

    Each queue has a place on a common time line and moves on by 1 / weight when it is served; the one furthest behind
    is looked into first. kombu takes one message from the first queue that has one, so every queue that stood before
    the served one was empty: those catch up with it, and an idle lane saves up no turns.
    """

    def __init__(self, it: Iterable[str] | None = None) -> None:
        self._served: dict[str, float] = {}
        self.update(it or ())

    def update(self, it: Iterable[str]) -> None:
        """Take over a new set of queues."""
        self._served = dict.fromkeys(it, 0.0)

    def consume(self, n: int) -> list[str]:
        """Return the first `n` queues in the order to look into them."""
        return sorted(self._served, key=lambda queue: (self._served[queue], -_weight(queue)))[:n]

    def rotate(self, last_used: str) -> None:
        """Note that a message was taken from `last_used`."""
        now = self._served.get(last_used)
        if now is None:
            return
        self._served = {queue: max(served, now) for queue, served in self._served.items()}
        self._served[last_used] = now + 1 / _weight(last_used)


def _weight(queue: str) -> int:
    return WEIGHTS.get(queue, _OTHER_WEIGHT)
