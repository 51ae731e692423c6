"""Traps: they strike a worker at a named point of its work on a job, seen from outside, on its connections."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from threading import Event
from typing import Final

from tasks import lua
from tests.support.chaos.relay import Watcher, Way


class Point(StrEnum):
    """Where a worker is when it is struck.

    What matters is what the world outside has seen of it. So "after the claim" is: Redis has carried it out, and the
    worker may or may not have read the answer.
    """

    CLAIM = "after the claim"
    RECORD = "after the attempt record"
    NOT_WRITTEN = "before the request arrives"
    WRITTEN = "after the request is written"
    ANSWER = "after the answer"
    ACK = "before the ack"


_SCRIPTS: Final = {
    hashlib.sha1(lua.source(name).encode(), usedforsecurity=False).hexdigest().encode(): name
    for name in ("claim", "begin_attempt", "finish")
}
_EVALSHA: Final = re.compile(rb"EVALSHA\r\n\$40\r\n([0-9a-f]{40})")
_AFTER_SCRIPT: Final = {"claim": Point.CLAIM, "begin_attempt": Point.RECORD, "finish": Point.ACK}


@dataclass
class Trap:
    """Strikes once, at the n-th time that the worker is at `point`.

    Attributes:
        strike: does it, and returns what becomes of the piece at hand.
    """

    point: Point
    countdown: int
    strike: Callable[[], Way]
    sprung: Event = field(default_factory=Event)

    def at(self, point: Point | None) -> Way:
        """Note that the worker is at a point."""
        if point is not self.point or self.sprung.is_set():
            return Way.PASS
        self.countdown -= 1
        if self.countdown > 0:
            return Way.PASS
        way = self.strike()
        self.sprung.set()
        return way


@dataclass
class Sight:
    """What the watchers of one worker share: the trap that is set, and how many answers of Redis are lost.

    Attributes:
        lost_answers: the share of Redis's answers that are lost after the command ran.
        lost: how many were.
    """

    random: Random
    trap: Trap | None = None
    lost_answers: float = 0.0
    lost: int = 0

    def at(self, point: Point | None) -> Way:
        """Note that the worker is at a point."""
        return self.trap.at(point) if self.trap else Way.PASS


class RedisWatcher(Watcher):
    """Knows the points that show on a connection to Redis."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight

    def request(self, piece: bytes) -> Way:
        """A worker that has an answer of the provider asks Redis to finish the attempt."""
        return self._sight.at(Point.ANSWER) if _script(piece) == "finish" else Way.PASS

    def answer(self, request: bytes, piece: bytes) -> Way:
        """Redis has carried out what the worker asked for, unless it complains."""
        if not piece.startswith(b"-") and self._sight.at(_AFTER_SCRIPT.get(_script(request) or "")) is Way.LOSE:
            return Way.LOSE
        if self._sight.lost_answers and self._sight.random.random() < self._sight.lost_answers:
            self._sight.lost += 1
            return Way.LOSE
        return Way.PASS


class ProviderWatcher(Watcher):
    """Knows the points that show on a connection to a provider."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight

    def request(self, piece: bytes) -> Way:
        """A request for a message is on its way."""
        return self._sight.at(Point.NOT_WRITTEN) if piece.startswith(b"POST ") else Way.PASS

    def answer(self, request: bytes, piece: bytes) -> Way:
        """The provider has taken a message, or refused it."""
        return self._sight.at(Point.WRITTEN) if request.startswith(b"POST ") else Way.PASS


def _script(request: bytes) -> str | None:
    found = _EVALSHA.search(request[:200])
    return _SCRIPTS.get(found[1]) if found else None
