"""Follows the events of jobs in Redis as they are written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from redis.asyncio import Redis

from tasks.wanted import Wanted, moment
from trunkline_client import keys

#: before the first entry of a stream.
START: Final = "0-0"
_PAGE: Final = 1000
#: well below the time a client waits for an answer.
_WAIT_MS: Final = 500


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One event of a job.

    Attributes:
        entry: its place in the stream; later ones have greater ones.
        facts: its fields, as `docs/events.md` lists them, without those that say nothing.
    """

    entry: str
    facts: Mapping[str, str]

    @property
    def at(self) -> datetime:
        """When it happened, by the clock of Redis."""
        return moment(int(self.entry.partition("-")[0]))

    @property
    def job_id(self) -> str:
        """The job it is about."""
        return self.facts.get("id", "")

    def is_wanted(self, wanted: Wanted) -> bool:
        """Return whether it meets the conditions; an event does not tell the country and the creation of its job."""
        texts = wanted.texts
        texts.pop("country", None)
        states = {state.value for state in wanted.states}
        return (not states or self.facts.get("state") in states) and texts.items() <= self.facts.items()


class EventLog:
    """Reads the events of jobs over a client whose answers are text."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # its types say `bytes | str` for answers that are text

    async def last_entry(self) -> str:
        """Return the place of the newest event, `START` if there is none."""
        newest = await self._redis.xrevrange(keys.EVENTS, count=1)
        return newest[0][0] if newest else START

    async def after(self, entry: str) -> list[JobEvent]:
        """Return the next events after a place, oldest first; waits half a second if there is none."""
        answer = await self._redis.xread({keys.EVENTS: entry}, count=_PAGE, block=_WAIT_MS)
        return [
            JobEvent(name, {field: text for field, text in facts.items() if text})
            for _, page in answer or []
            for name, facts in page
        ]

    async def follow(self, wanted: Wanted, *, after: str, is_over: Callable[[], bool]) -> AsyncIterator[JobEvent]:
        """Yield wanted events as they are written, oldest first; the times of `wanted` are passed over.

        Args:
            wanted: which jobs.
            after: the place to begin after.
            is_over: whether to stop; asked about twice a second.
        """
        while not is_over():
            for event in await self.after(after):
                after = event.entry
                if event.is_wanted(wanted) and await self._is_to(wanted.country, event):
                    yield event

    async def _is_to(self, country: str | None, event: JobEvent) -> bool:
        return country is None or await self._redis.hget(keys.job(event.job_id), "country") == country
