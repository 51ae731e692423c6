"""A memory that is bounded by what it holds, and that many may fill at once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class Recent(Generic[_Key, _Value]):
    """A mapping that forgets what was used longest ago once its values weigh more than it may hold.

    What was put last is always kept, however much it weighs.
    """

    def __init__(self, most: int, weigh: Callable[[_Value], int] = lambda _: 1) -> None:
        """Build an empty mapping.

        Args:
            most: what all values together may weigh.
            weigh: the weight of a value when it is put.
        """
        self._most = most
        self._weigh = weigh
        self._items: OrderedDict[_Key, tuple[_Value, int]] = OrderedDict()
        self._weight = 0

    @property
    def weight(self) -> int:
        """What all values weigh together."""
        return self._weight

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: _Key) -> _Value | None:
        """Return the value of a key and count it as used, None if there is none."""
        found = self._items.get(key)
        if found is None:
            return None
        self._items.move_to_end(key)
        return found[0]

    def put(self, key: _Key, value: _Value) -> None:
        """Keep a value, and forget others until the rest fits."""
        _, former_weight = self._items.pop(key, (None, 0))
        weight = self._weigh(value)
        self._items[key] = value, weight
        self._weight += weight - former_weight
        while self._weight > self._most and len(self._items) > 1:
            _, (_, forgotten_weight) = self._items.popitem(last=False)
            self._weight -= forgotten_weight


class Joined(Generic[_Key, _Value]):
    """Work that is done once for all who ask for it at the same time."""

    def __init__(self) -> None:
        self._running: dict[_Key, asyncio.Task[_Value]] = {}

    def is_running(self, key: _Key) -> bool:
        """Return whether the work for a key has begun and not ended."""
        return key in self._running

    async def get(self, key: _Key, work: Callable[[], Awaitable[_Value]]) -> _Value:
        """Return the result of the work for a key: of what is running, else of `work`."""
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(self._run(key, work))
            self._running[key] = task
        # a caller that is cancelled must not take the work away from those who wait with it
        return await asyncio.shield(task)

    async def _run(self, key: _Key, work: Callable[[], Awaitable[_Value]]) -> _Value:
        try:
            return await work()
        finally:
            del self._running[key]
