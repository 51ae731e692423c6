"""An operator who replays the one job of a test, and the terms and answers that such tests share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

from providers.protocol import LookupAnswer
from tasks.replay import Refused, Replays, Requeued, Result, Terms
from tests.support.journal import TextRedis
from trunkline_client.words import JobState

PLAIN, UNKNOWN_TOO, ANEW = Terms(), Terms(unknown=True), Terms(ttl=timedelta(minutes=10))

QUEUED, ASKED = Requeued("job-1", JobState.QUEUED), Requeued("job-1", JobState.RECONCILING)

FOUND = LookupAnswer(good=True, candidates=("SM9",))


@dataclass
class Operator:
    """Replays one job at a time, each time as a run of its own unless told otherwise."""

    redis: TextRedis
    runs: Iterator[int] = field(default_factory=count)

    async def replay(self, job_id: str, terms: Terms, run: str | None = None) -> Result:
        (result,) = await self._as(run or f"run-{next(self.runs)}").replay([job_id], terms)
        assert not isinstance(result, Exception)
        return result

    async def look(self, job_id: str, terms: Terms) -> Result:
        (result,) = await self._as("").look([job_id], terms)
        assert not isinstance(result, Exception)
        return result

    def _as(self, run: str) -> Replays:
        return Replays(self.redis, actor="ops@x", run=run)


async def reason(replays: Operator, terms: Terms = PLAIN) -> str:
    result = await replays.replay("job-1", terms)
    assert isinstance(result, Refused)
    return result.reason
