"""The ledger: every message and call the simulators accepted, in order, and a count of every request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class Entry:
    """One accepted message or call.

    Attributes:
        sequence: its place in the ledger, from 1.
        accepted_at: seconds since the epoch.
        channel: `sms` or `voice`.
        sender: what it was sent from; None when a messaging service chooses.
        body: the text, or the TwiML of a call, as it was sent.
        external_id: our own id of the attempt, where the provider takes one.
        fault: the fault that struck after the message was accepted, so that the caller may not know.
    """

    sequence: int
    accepted_at: float
    provider: str
    account: str
    channel: str
    to: str = field(repr=False)
    sender: str | None
    body: str = field(repr=False)
    provider_id: str
    external_id: str | None = None
    fault: str | None = None


class Ledger:
    """What arrived. Nothing is ever taken out, except by `clear`."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self.requests: Counter[str] = Counter()

    def accept(
        self,
        *,
        accepted_at: float,
        provider: str,
        account: str,
        channel: str,
        to: str,
        sender: str | None,
        body: str,
        provider_id: str,
        external_id: str | None = None,
    ) -> int:
        """Write one accepted message down and return its number."""
        sequence = len(self._entries) + 1
        self._entries.append(
            Entry(sequence, accepted_at, provider, account, channel, to, sender, body, provider_id, external_id)
        )
        return sequence

    def blame(self, sequence: int, fault: str) -> None:
        """Note that `fault` struck after entry `sequence` was accepted."""
        self._entries[sequence - 1].fault = fault

    def entries(self, after: int = 0) -> Sequence[Entry]:
        """Return the entries numbered above `after`, in the order of acceptance."""
        return self._entries[max(after, 0) :]

    def clear(self) -> None:
        """Forget everything; the next entry is number 1."""
        self._entries.clear()
        self.requests.clear()

    def as_json(self, after: int = 0) -> dict[str, Any]:
        """Return the total, the requests by provider and operation, and the entries above `after`."""
        return {
            "total": len(self._entries),
            "requests": dict(self.requests),
            "entries": [asdict(entry) for entry in self.entries(after)],
        }


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """The ledger as the control API reports it.

    Attributes:
        total: how many messages and calls were accepted.
        requests: how often each operation was asked for, by `provider operation`.
        entries: the accepted ones, oldest first.
    """

    total: int
    requests: Mapping[str, int]
    entries: tuple[Entry, ...]


def read_report(data: Mapping[str, Any]) -> LedgerReport:
    """Return the report that the control API's JSON holds."""
    return LedgerReport(data["total"], data["requests"], tuple(Entry(**entry) for entry in data["entries"]))
