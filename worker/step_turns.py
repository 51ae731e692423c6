"""Whose turn it is among the lanes inside one queue: a fallback queue keeps each lane in a list of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from trunkline_client import keys
from trunkline_client.words import Lane
from worker.lane_order import WEIGHTS

_LEAST: Final = min(WEIGHTS.values())
_MOST: Final = max(WEIGHTS.values())
_WEIGHT_OF_STEP: Final = {lane.broker_priority: WEIGHTS[keys.dispatch_queue(lane)] for lane in Lane}


class StepTurns:
    """How far each list of each queue is ahead, in jobs by weight; no I/O.

    Lanes share a fallback queue as they share a process: 8 urgent, 4 normal, 1 bulk. kombu serves the first priority
    as long as it has anything: in an outage that outlasts the capacity of the fallback, no other lane would be served
    at all. The list that is behind after its next job is next; one that had nothing when it was asked saves up none.
    `take.lua` does the same sum for the messages of one call.

    Args:
        queues: how many queues there are.
        steps: kombu's priority steps, which make one list each.
    """

    def __init__(self, queues: int, steps: Sequence[int]) -> None:
        #: what one job of each step adds.
        self.costs = [_MOST // _WEIGHT_OF_STEP.get(step, _LEAST) for step in steps]
        #: of each list, the lists of a queue side by side.
        self.ahead = [0] * (queues * len(steps))

    def order(self, queue: int) -> list[int]:
        """Return the numbers of the lists of a queue, from 0, in the order to look into them."""
        first = queue * len(self.costs)
        finish = [self.ahead[first + step] + cost for step, cost in enumerate(self.costs)]
        return [first + step for step in sorted(range(len(finish)), key=finish.__getitem__)]

    def rotate(self, number: int, jobs: int) -> None:
        """Note that a message of so many jobs was taken from a list; those before it in the order had none."""
        queue, step = divmod(number, len(self.costs))
        order = self.order(queue)
        for other in order[: order.index(number)]:
            self.ahead[other] = max(self.ahead[other], self.ahead[number])
        self.ahead[number] += jobs * self.costs[step]
        behind = min(self.ahead[other] for other in order)
        for other in order:
            self.ahead[other] -= behind
