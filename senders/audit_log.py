"""The audit in Redis: what was done, by whom and when, in a stream that is listed and followed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Final, cast

from redis.asyncio import Redis

from senders.audit import AuditEvent, fragment
from senders.store import ConfigStore
from trunkline_client import keys

#: before the first entry of a stream.
START: Final = "0-0"
_PAGE: Final = 1000
#: well below the time a client waits for an answer.
_WAIT_MS: Final = 500
_READ: Final = (files("senders") / "scripts" / "read_audit.lua").read_text("utf-8")

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
        subject: the object: the key of a sender or policy, or the id of a job.
        since: the earliest moment.
        until: the latest moment.
    """

    tenant: str | None = None
    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def texts(self) -> dict[str, str]:
        """The fields of an event that must have certain texts, and those."""
        texts = {"tenant": self.tenant, "actor": self.actor, "action": self.action, "subject": self.subject}
        return {name: text for name, text in texts.items() if text is not None}

    def admits(self, event: AuditEvent) -> bool:
        """Return whether an event of the right time is wanted."""
        return all(getattr(event, name) == text for name, text in self.texts.items())


class AuditLog:
    """Reads the audit, and adds what comes with no change of a configuration, over a client whose answers are text."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._store = ConfigStore(redis)
        self._read = redis.register_script(_READ)

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
        fragments = [fragment(name, text) for name, text in wanted.texts.items()]
        found: list[AuditEntry] = []
        while True:
            seen, *page = cast("list[str]", await self._read(keys=[keys.AUDIT], args=[last, first, _PAGE, *fragments]))
            found += _admitted(zip(page[::2], page[1::2], strict=True), wanted)
            if not seen or len(found) >= limit:
                return found[:limit]
            last = f"({seen}"

    async def follow(
        self, wanted: Wanted, *, after: str, is_over: Callable[[], bool] = lambda: False
    ) -> AsyncIterator[AuditEntry]:
        """Yield wanted entries as they are recorded, oldest first; the times of `wanted` are passed over.

        Args:
            wanted: which entries.
            after: the id of the last entry that is already known.
            is_over: whether to stop; asked about twice a second.
        """
        while not is_over():
            answer = await self._redis.xread({keys.AUDIT: after}, count=_PAGE, block=_WAIT_MS)
            for _, page in cast("list[tuple[str, _Entries]]", answer or []):
                after = page[-1][0]
                for entry in _admitted(((entry_id, fields.get("event", "")) for entry_id, fields in page), wanted):
                    yield entry


def _ms(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))


def _admitted(page: Iterable[tuple[str, str]], wanted: Wanted) -> list[AuditEntry]:
    entries = (AuditEntry(entry_id, AuditEvent.decode(event)) for entry_id, event in page)
    return [entry for entry in entries if wanted.admits(entry.event)]
