"""How many jobs in hand wait for a provider; the others need this process's own time."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType


class CallsUnderWay:
    """Counts calls to providers: `with calls:` is one. One thread makes calls, another may read and ask to be woken."""

    def __init__(self) -> None:
        self.count = 0
        self._wake_at = 0
        self._wake: Callable[[], None] | None = None

    def __enter__(self) -> None:
        self.count += 1
        wake = self._wake
        if wake is not None and self.count >= self._wake_at:
            self._wake = None
            wake()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.count -= 1

    def wake_at(self, count: int, wake: Callable[[], None]) -> None:
        """Call `wake` once, from the thread that makes calls, when so many are under way; forgets an earlier wish."""
        self._wake_at, self._wake = count, wake
