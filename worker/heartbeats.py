"""When each part of a worker last made progress. Written by the parts, read by the thread that answers for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from tasks.measures import Loop

_BEAT_S: Final = 0.25
#: A scrape every 15 s sees every lag that was.
_LAGS_KEPT: Final = 60


class Heartbeats:
    """The moments of progress of one process. Each is one assignment, so threads need no lock.

    Args:
        monotonic: the local monotonic clock, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._turned: dict[Loop, float] = {}
        self._answered: dict[Loop, float] = {}
        self._answering_from: dict[Loop, float] = {}
        self._beat_due_at: float | None = None
        self._lags: deque[float] = deque(maxlen=_LAGS_KEPT)

    def turned(self, loop: Loop, *, answered: bool) -> None:
        """Note that a loop is through with a pass, and whether Redis answered in it."""
        now = self._monotonic()
        self._turned[loop] = now
        if answered:
            self._answered[loop] = now
            self._answering_from.setdefault(loop, now)
        else:
            self._answering_from.pop(loop, None)

    async def beat(self) -> None:
        """Note for ever, until cancelled, how late the event loop runs what is due."""
        while True:
            self._beat_due_at = self._monotonic() + _BEAT_S
            await asyncio.sleep(_BEAT_S)
            self._lags.append(max(0.0, self._monotonic() - self._beat_due_at))

    def lateness_s(self) -> float:
        """Return how late the event loop is right now, in seconds; 0 before it runs. Grows while it is frozen."""
        due_at = self._beat_due_at
        return 0.0 if due_at is None else max(0.0, self._monotonic() - due_at)

    def worst_lag_s(self) -> float:
        """Return how late the event loop was at worst in the last 15 s, the present moment included, in seconds."""
        return max(self.lateness_s(), max(tuple(self._lags), default=0.0))

    def since_turn_s(self, loop: Loop) -> float | None:
        """Return how long ago a loop was through with a pass, however it ended, in seconds; None if it never was."""
        return self._since(self._turned.get(loop))

    def since_answer_s(self, loop: Loop) -> float | None:
        """Return the same of the last pass in which Redis answered."""
        return self._since(self._answered.get(loop))

    def since_redis_s(self) -> float | None:
        """Return how long ago Redis answered the mover, which asks ten times a second; None if it never did."""
        return self.since_answer_s(Loop.MOVER)

    def redis_answers_for_s(self) -> float | None:
        """Return for how long Redis has answered the mover every time, in seconds; None if it does not."""
        return self._since(self._answering_from.get(Loop.MOVER))

    def _since(self, moment: float | None) -> float | None:
        return None if moment is None else max(0.0, self._monotonic() - moment)
