"""What a provider remembers of accepted messages and calls, found by id, by account, and by one more key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Generic, TypeVar

R = TypeVar("R")


class Records(Generic[R]):
    """Records in the order of acceptance. The second key keeps lookups cheap when a load test has filled the lists."""

    def __init__(self) -> None:
        self._by_id: dict[tuple[str, str], R] = {}
        self._by_account: defaultdict[str, list[R]] = defaultdict(list)
        self._by_key: defaultdict[tuple[str, str], list[R]] = defaultdict(list)

    def add(self, account: str, identifier: str, key: str | None, record: R) -> None:
        """Remember a record under its id and, unless None, under `key`."""
        self._by_id[account, identifier] = record
        self._by_account[account].append(record)
        if key is not None:
            self._by_key[account, key].append(record)

    def get(self, account: str, identifier: str) -> R | None:
        """Return the account's record of this id, or None."""
        return self._by_id.get((account, identifier))

    def oldest_first(self, account: str, key: str | None = None) -> Sequence[R]:
        """Return the account's records, only those under `key` if one is given."""
        if key is not None:
            return self._by_key.get((account, key), ())
        return self._by_account.get(account, ())

    def clear(self) -> None:
        """Forget everything."""
        self._by_id.clear()
        self._by_account.clear()
        self._by_key.clear()
