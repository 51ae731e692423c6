"""Whether a request has left us: the one fact that tells "never sent" from "nobody knows".

A `Departure` travels with a request in its extensions. The transport writes the fact down where it happens; the caller
reads it when the call failed or ran out of time. Without a transport that watches, the answer is "it may have left".
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from trunkline_client.errors import TrunklineError

#: the key of a request's `Departure` in `httpx.Request.extensions`.
EXTENSION: Final = "trunkline.departure"


class DepartureRefused(TrunklineError):
    """The request must not leave (any more)."""


class _State(Enum):
    UNWATCHED = auto()
    HERE = auto()
    LEFT = auto()
    ABANDONED = auto()


class Departure:
    """The record of one request's way out, and the last check before it.

    Args:
        before_first_byte: called once, directly before the first byte; an error from it keeps the request here. A
            request with such a check leaves at most once; one without it (a plain read) may be repeated.
    """

    __slots__ = ("_check", "_state", "stopped_by")

    def __init__(self, before_first_byte: Callable[[], None] | None = None) -> None:
        self._check = before_first_byte
        self._state = _State.UNWATCHED
        self.stopped_by: Exception | None = None

    @property
    def may_have_left(self) -> bool:
        """False only if a transport watched the request and none of its bytes left."""
        return self._state in {_State.UNWATCHED, _State.LEFT}

    def watch(self) -> None:
        """Record that a transport has taken over and will call `allow` before the first byte.

        What an earlier transport has recorded stays: a request that has left does not come back.
        """
        if self._state is _State.UNWATCHED:
            self._state = _State.HERE

    def allow(self) -> None:
        """Record that the request leaves now.

        Raises:
            DepartureRefused: it was given up, or has left before and must not leave twice.
            Exception: whatever the check raised; it is kept in `stopped_by`.
        """
        if self._state is _State.ABANDONED:
            raise DepartureRefused("the request was given up before it left")
        if self._check is not None:
            if self._state is _State.LEFT:
                raise DepartureRefused("the request has left before and must not be repeated")
            try:
                self._check()
            except Exception as error:
                self.stopped_by = error
                raise
        self._state = _State.LEFT

    def abandon(self) -> None:
        """Make sure that a request which is still here never leaves."""
        if self._state is not _State.LEFT:
            self._state = _State.ABANDONED
