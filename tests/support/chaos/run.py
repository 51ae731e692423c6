"""One plan carried out: a whole system, a fleet that is made trouble for, and the tally at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from redis.exceptions import RedisError

from providers.simulators.faults import Delay, FaultKind, FaultPlan
from tests.support.chaos.fleet import Fleet, Mishap
from tests.support.chaos.relay import RelayThread
from tests.support.chaos.tally import Tally, count
from tests.support.chaos.traps import Point
from tests.support.sentinel import Guarded, guarded
from tests.support.system import System, running
from trunkline_client import Handle, keys
from trunkline_client.words import JobState

#: The shortest lease that is allowed: recovery from a kill takes about that long.
LEASE_S: Final = 3
#: Longer than the lease and than the sweeper's period: by then others have the job.
PAUSE_S: Final = 5.0
_LOOK_S: Final = 0.05
#: What a worker that woke up would still send is sent by then.
_LATE_S: Final = 1.0
#: From the end of the trouble until a job that is not done counts as lost; lookups take up to 33 s.
_PATIENCE_S: Final = 90.0


@dataclass(frozen=True, slots=True)
class Load:
    """How much there is to do.

    Attributes:
        jobs: how many jobs there are.
        concurrency: how many of them one worker has in hand.
        pace_s: how long a provider takes to answer.
        workers: how many workers there are.
    """

    jobs: int
    concurrency: int
    pace_s: float
    workers: int = 2


@dataclass
class Run:
    """A plan that is being carried out.

    Attributes:
        total: how many jobs there will be.
        redis: the servers and their Sentinels, None if there is one server only.
        jobs: the recipients of the jobs that Redis confirmed, by id.
        strikes: how often trouble was made.
    """

    system: System
    fleet: Fleet
    random: Random
    total: int
    redis: Guarded | None = None
    jobs: dict[str, str] = field(default_factory=dict)
    strikes: int = 0
    _quiet_since: float = 0.0

    def enqueue(self, make: Callable[[int], Mapping[str, Any]], numbers: range) -> None:
        """Enqueue jobs, and expect all to be confirmed."""
        wanted = [{"id": f"job-{number}", **make(number)} for number in numbers]
        for job, sent in zip(wanted, self.system.client.send_many(wanted), strict=True):
            assert isinstance(sent, Handle), sent
            self.jobs[sent.id] = job["to"]

    def struck(self) -> None:
        """Note that trouble was made, or ended, just now; after the last job it changes nothing any more."""
        self.strikes += 1
        if not self.is_done:
            self._quiet_since = time.monotonic()

    def ended(self) -> int:
        """Return how many jobs have ended or are held; 0 while Redis is away."""
        try:
            return int(self.system.raw.zcard(keys.FORGET)) + int(self.system.raw.zcard(keys.HELD))
        except RedisError:
            return 0

    @property
    def is_done(self) -> bool:
        """Whether every job has ended."""
        return self.ended() >= self.total

    def wait(self, enough: Callable[[], bool], limit_s: float = _PATIENCE_S) -> bool:
        """Wait until something holds, or everything is done, or for `limit_s`; returns whether it holds."""
        give_up_at = time.monotonic() + limit_s
        while not enough():
            if self.is_done or time.monotonic() > give_up_at:
                return False
            time.sleep(_LOOK_S)
        return True

    def wait_for_progress(self, jobs: int) -> None:
        """Wait until that many more jobs have ended."""
        before = self.ended()
        self.wait(lambda: self.ended() >= before + jobs)

    def spring(self, point: Point, mishap: Mishap, most: int) -> None:
        """Let workers run into traps at `point`, one after the other, until all is done or `most` have sprung."""
        for _ in range(most):
            slot = self.fleet.pick()
            trap = slot.set_trap(point, self.random.randint(1, max(2, self.total // most // 2)), mishap)
            if not self.wait(trap.sprung.is_set):
                slot.sight.trap = None
                return
            self.struck()

    def finish(self) -> Tally:
        """Wait until every job has ended, or for the patience, and count."""
        self._quiet_since = self._quiet_since or time.monotonic()
        give_up_at = time.monotonic() + _PATIENCE_S
        while not self.is_done and time.monotonic() < give_up_at:
            time.sleep(_LOOK_S)
        recovery_s = time.monotonic() - self._quiet_since
        self.fleet.wait_awake()
        time.sleep(_LATE_S)
        statuses = {job_id: self.system.client.status(job_id) for job_id in self.jobs}
        entries = self.system.control.ledger().entries
        return count(self.jobs, statuses, entries, recovery_s=recovery_s, strikes=self.strikes)

    def leftovers(self) -> list[str]:
        """Return what is wrong in the journal once everything has ended: places that still hold a job."""
        raw = self.system.raw
        indexes = [keys.LEASES, keys.DELAYED, keys.DAMAGED, "tl:waiters"]
        found = [key for key in indexes if raw.exists(key)]
        patterns = ("tl:window:*", "tl:waiting:*", "tl:placed:*", "tl:front:*", "tl:calling:*")
        return found + [key for pattern in patterns for key in raw.keys(pattern)]

    def story(self, limit: int = 5) -> str:
        """Return what the journal says about some jobs that did not end `sent`, for the message of a failure."""
        odd = [status for job_id in self.jobs if (status := self.system.client.status(job_id))]
        odd = [status for status in odd if status["state"] != JobState.SENT or len(status["attempts"]) > 1]
        return "\n".join(str(status) for status in odd[:limit])


@contextmanager
def prepared(
    folder: Path,
    load: Load,
    *,
    seed: int,
    faults: tuple[FaultPlan, ...] = (),
    per_worker: Callable[[int], Mapping[str, str]] = lambda _: {},
    variables: Mapping[str, str],
    has_sentinels: bool = False,
) -> Iterator[Run]:
    """Give a system with a fleet that is ready, and nothing to do yet."""
    random = Random(seed)  # noqa: S311 - a repeatable plan, no secret
    settings = {"TRUNKLINE_LEASE_S": str(LEASE_S), **variables}
    pace = FaultPlan(kind=FaultKind.DELAY, method="POST", accept_first=True, delay=Delay(load.pace_s))
    with ExitStack() as stack:
        redis = stack.enter_context(guarded(folder / "guarded")) if has_sentinels else None
        way = redis.url if redis else None
        master = redis.master if redis else None
        system = stack.enter_context(running(folder, aof=True, redis=master, redis_url=way or ""))
        thread = stack.enter_context(RelayThread())
        system.apply()
        for fault in (*faults, pace):
            system.control.arm(fault)
        arguments = ("--concurrency", str(load.concurrency))
        fleet = Fleet(system, thread, random, load.workers, settings, per_worker, arguments, way)
        stack.enter_context(fleet)
        fleet.wait_ready()
        yield Run(system, fleet, random, load.jobs, redis=redis)
