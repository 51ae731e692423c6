"""What one thread collects for another, so that one wake-up carries all of it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Handover(Generic[Item]):
    """A queue between two threads whose reader is woken once for all that came meanwhile.

    Args:
        wake: makes the reader call `take` soon; called by the writer, when nothing was waiting.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._items: deque[Item] = deque()
        self._wake = wake
        self._is_woken = False
        self._lock = threading.Lock()
        self._has_come = threading.Event()

    def put(self, item: Item) -> None:
        """Hand over one item."""
        with self._lock:
            self._items.append(item)
            is_first, self._is_woken = not self._is_woken, True
            self._has_come.set()
        if is_first:
            self._wake()

    def take(self) -> Iterator[Item]:
        """Yield what was handed over so far, in its order."""
        with self._lock:
            self._is_woken = False
            taken, self._items = self._items, deque()
            self._has_come.clear()
        yield from taken

    def again(self) -> None:
        """Wake the reader again: it may have forgotten that it was."""
        with self._lock:
            is_waiting = self._is_woken = bool(self._items)
        if is_waiting:
            self._wake()

    def wait(self, timeout_s: float) -> None:
        """Return when something has come, or after `timeout_s`."""
        self._has_come.wait(timeout_s)
