"""What one channel asks Redis for, and what it is answered: the words of `take.lua` in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from trunkline_client import keys
from trunkline_client.words import Lane
from worker.broker_scripts import TAKE
from worker.in_hand import Room, Taken
from worker.lane_order import LaneOrder
from worker.step_turns import StepTurns

#: of one call: Redis is held for less than a millisecond, and other workers get their share of what waits.
MOST_MESSAGES: Final = 32


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message as it came off its list; `tag` is the one it is noted under, "" if it is not."""

    taken: Taken
    tag: str
    message: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call took.

    Attributes:
        arrivals: the messages, in the order they were taken.
        is_more: whether messages are left that there was no room for, or that a call takes at most.
        is_bulk_held: whether bulk messages are left because bulk has all the slots it may have.
    """

    arrivals: Sequence[Arrival]
    is_more: bool
    is_bulk_held: bool


class Taking:
    """Asks for messages of a fixed set of queues.

    Args:
        queues: their names.
        steps: kombu's priority steps, which make one list each.
        list_of: the name of the list of a queue and a step.
        noted: the keys of the hash and of the sorted set in which messages are noted.
    """

    def __init__(
        self, queues: Iterable[str], steps: Sequence[int], list_of: Callable[[str, int], str], noted: tuple[str, str]
    ) -> None:
        names = sorted(set(queues))
        self._letters = {queue: chr(ord("A") + place) for place, queue in enumerate(names)}
        self._lists = [
            Taken(queue=queue, list_name=list_of(queue, step), is_bulk=_is_bulk(queue, step))
            for queue in names
            for step in steps
        ]
        self._keys: list[str] = list(noted)
        for place, queue in enumerate(names):
            lists = self._lists[place * len(steps) : (place + 1) * len(steps)]
            self._keys += [keys.bell(queue), *(each.list_name for each in lists)]
        self._step_turns = StepTurns(len(names), steps)
        bulk, costs = ("1" if each.is_bulk else "0" for each in self._lists), map(str, self._step_turns.costs)
        self._fixed = [len(steps), "".join(bulk), ",".join(costs)]
        fixed = [len(self._keys), *self._keys, *self._fixed]
        self._by_hash, self._whole = _packed(["EVALSHA", TAKE.sha, *fixed]), _packed(["EVAL", TAKE.text, *fixed])
        #: what an idle process waits for; without the bell of a queue that could only bring more bulk.
        self.bells = [keys.bell(queue) for queue in names]
        self.bells_but_bulk = [keys.bell(queue) for queue in names if queue != keys.dispatch_queue(Lane.BULK)]

    def command(self, order: LaneOrder, room: Room, *, whole: bool = False) -> bytes:
        """Return the question as it goes over the wire, with the hash of the script or with the whole of it.

        Nearly all of it is always the same: redis-py takes 100 us to put its 39 words in this form.
        """
        changing = self._changing(order, room, MOST_MESSAGES)
        fixed = self._whole if whole else self._by_hash
        return b"*%d\r\n" % (3 + len(self._keys) + len(self._fixed) + len(changing)) + fixed + _packed(changing)

    def run(self, client: Any, order: LaneOrder, room: Room, most: int = MOST_MESSAGES) -> Answer:
        """Ask over a client of redis-py and wait for the answer."""
        return self.read(TAKE.run(client, self._keys, [*self._fixed, *self._changing(order, room, most)]))

    def _changing(self, order: LaneOrder, room: Room, most: int) -> list[Any]:
        turns, debts = map(self._letters.__getitem__, order.turns()), map(str, order.debts(self._letters))
        return ["".join(turns), room.jobs, room.bulk, most, ",".join(debts), ",".join(map(str, self._step_turns.ahead))]

    def read(self, answer: Sequence[Any]) -> Answer:
        """Return the answer of the script in words."""
        arrivals = []
        for place in range(2, len(answer), 4):
            number, jobs, tag, message = answer[place : place + 4]
            self._step_turns.rotate(number - 1, jobs)
            source = self._lists[number - 1]
            taken = Taken(source.queue, source.list_name, jobs, source.is_bulk, is_noted=bool(tag))
            arrivals.append(Arrival(taken, tag.decode(errors="surrogateescape"), message))
        return Answer(arrivals, is_more=answer[0] == 1, is_bulk_held=answer[1] == 1)


def _packed(words: Iterable[object]) -> bytes:
    """Return words of a command in the protocol of Redis."""
    encoded = [str(word).encode() for word in words]
    return b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded)


def _is_bulk(queue: str, step: int) -> bool:
    if queue in keys.FALLBACK_QUEUES:
        return step >= Lane.BULK.broker_priority
    return queue == keys.dispatch_queue(Lane.BULK)
