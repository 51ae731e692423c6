"""The audit in Redis: what was done, by whom and when, in a stream that is listed and followed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, cast

from redis.asyncio import Redis

from senders.audit import AuditEvent
from senders.store import ConfigStore
from trunkline_client import keys

#: before the first entry of a stream.
START: Final = "0-0"
_PAGE: Final = 1000
#: well below the time a client waits for an answer.
_WAIT_MS: Final = 1000
_FIELD: Final = "event"

_Entries = list[tuple[str, dict[str, str]]]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An event as it was recorded.

    Attributes:
        id: its place in the stream; later entries have greater ones.
    """

    id: str
    event: AuditEvent

    @property
    def at(self) -> datetime:
        """When it was recorded, by the clock of Redis."""
        return datetime.fromtimestamp(int(self.id.partition("-")[0]) / 1000, tz=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries to show; None leaves a condition out.

    Attributes:
        since: the earliest moment.
        until: the latest moment.
    """

    tenant: str | None = None
    actor: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def admits(self, event: AuditEvent) -> bool:
        """Return whether an event of the right time is wanted."""
        pairs = ((self.tenant, event.tenant), (self.actor, event.actor), (self.action, event.action))
        return all(wanted in {None, found} for wanted, found in pairs)


class AuditLog:
    """Reads the audit, and adds what comes with no change of a configuration, over a client whose answers are text."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._store = ConfigStore(redis)

    async def append(self, *events: AuditEvent, token: str) -> None:
        """Record events; the same token again (new for every call) records nothing.

        What changes a configuration is recorded by `ConfigStore.replace`, in one step with the change.
        """
        await self._store.replace({}, token=token, events=events)

    async def last_id(self) -> str:
        """Return the id of the newest entry, `START` if there is none."""
        newest = cast("_Entries", await self._redis.xrevrange(keys.AUDIT, count=1))
        return newest[0][0] if newest else START

    async def newest(self, wanted: Wanted, limit: int, *, end: str = "+") -> list[AuditEntry]:
        """Return the newest `limit` wanted entries, newest first.

        Args:
            wanted: which entries.
            limit: how many at most.
            end: the id of the newest entry to consider, or `(id` for those before it: the next page.
        """
        first = _ms(wanted.since) if wanted.since else "-"
        last = _ms(wanted.until) if wanted.until and end == "+" else end
        found: list[AuditEntry] = []
        while True:
            page = cast("_Entries", await self._redis.xrevrange(keys.AUDIT, last, first, count=_PAGE))
            found += _admitted(page, wanted)
            if len(page) < _PAGE or len(found) >= limit:
                return found[:limit]
            last = f"({page[-1][0]}"

    async def follow(self, wanted: Wanted, *, after: str) -> AsyncIterator[AuditEntry]:
        """Yield wanted entries as they are recorded, oldest first, for ever; the times of `wanted` are passed over.

        Args:
            wanted: which entries.
            after: the id of the last entry that is already known.
        """
        while True:
            answer = await self._redis.xread({keys.AUDIT: after}, count=_PAGE, block=_WAIT_MS)
            for _, page in cast("list[tuple[str, _Entries]]", answer or []):
                after = page[-1][0]
                for entry in _admitted(page, wanted):
                    yield entry


def _ms(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))


def _admitted(page: _Entries, wanted: Wanted) -> list[AuditEntry]:
    entries = (AuditEntry(entry_id, AuditEvent.decode(fields[_FIELD])) for entry_id, fields in page)
    return [entry for entry in entries if wanted.admits(entry.event)]
