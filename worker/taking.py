"""What one channel asks Redis for, and what it is answered: the words of `take.lua` in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from trunkline_client import keys
from trunkline_client.words import Lane
from worker.broker_scripts import TAKE
from worker.in_hand import Room, Taken

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
        self._fixed = [len(steps), "".join("1" if each.is_bulk else "0" for each in self._lists)]
        #: what an idle process waits for; without the bell of a queue that could only bring more bulk.
        self.bells = [keys.bell(queue) for queue in names]
        self.bells_but_bulk = [keys.bell(queue) for queue in names if queue != keys.dispatch_queue(Lane.BULK)]

    def arguments(self, turns: Iterable[str], room: Room, most: int = MOST_MESSAGES) -> list[Any]:
        """Return what follows EVALSHA and the hash, or EVAL and the text."""
        letters = "".join(map(self._letters.__getitem__, turns))
        return [len(self._keys), *self._keys, *self._fixed, letters, room.jobs, room.bulk, most]

    def run(self, client: Any, turns: Iterable[str], room: Room, most: int = MOST_MESSAGES) -> Answer:
        """Ask over a client of redis-py and wait for the answer."""
        number, *rest = self.arguments(turns, room, most)
        return self.read(TAKE.run(client, rest[:number], rest[number:]))

    def read(self, answer: Sequence[Any]) -> Answer:
        """Return the answer of the script in words."""
        arrivals = []
        for place in range(2, len(answer), 4):
            number, jobs, tag, message = answer[place : place + 4]
            source = self._lists[number - 1]
            taken = Taken(source.queue, source.list_name, jobs, source.is_bulk, is_noted=bool(tag))
            arrivals.append(Arrival(taken, tag.decode(errors="surrogateescape"), message))
        return Answer(arrivals, is_more=answer[0] == 1, is_bulk_held=answer[1] == 1)


def _is_bulk(queue: str, step: int) -> bool:
    if queue in keys.FALLBACK_QUEUES:
        return step >= Lane.BULK.broker_priority
    return queue == keys.dispatch_queue(Lane.BULK)
