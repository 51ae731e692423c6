"""Plays workers on the real scripts, one claim after the other, and counts who is served when. No time is measured."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Final, cast

from redis import Redis

from providers.faults import Fault
from tasks import moves
from tasks.journal import Claimed, Journal
from tasks.moves import Move
from tests.support.immediate import ImmediateCalls, immediate, run
from tests.support.journal import named_in
from trunkline_client import Handle, Trunkline, keys
from trunkline_client.words import Lane
from worker.lane_order import LaneOrder
from worker.step_turns import StepTurns

#: What `base.lua` says, which the bounds of the tests are made of.
WINDOW: Final = 64
HEAD_STARTS: Final = 32
CHUNK: Final = 16
QUIET: Final = 8

FALLBACK: Final = keys.fallback_queue("syniverse")
JOB: Final = {"channel": "sms", "to": "+12015550123", "body": "Your code is 493817"}


@dataclass(frozen=True, slots=True)
class Served:
    """One job that was claimed.

    Attributes:
        queue: the queue its nudge came from.
        is_front: whether it had a head start.
        waited: how many others of that queue were claimed since it came there.
        behind: how many jobs were in its lane of that queue when it came.
    """

    job_id: str
    tenant: str
    lane: Lane
    queue: str
    is_front: bool
    waited: int
    behind: int


@dataclass(slots=True)
class Process:
    """One worker process: takes messages in the order of the lanes until `batch` jobs are in hand, and claims these."""

    batch: int
    order: LaneOrder
    steps: StepTurns = field(
        default_factory=lambda: StepTurns(len(keys.ALL_QUEUES), [one.broker_priority for one in Lane])
    )
    in_hand: deque[tuple[str, str, str]] = field(default_factory=deque)

    def take(self, pop: Callable[[str], str | None]) -> None:
        """Take messages until `batch` jobs are in hand or nothing is left."""
        while len(self.in_hand) < self.batch:
            for queue in self.order.consume(len(keys.ALL_QUEUES)):
                jobs = self._next(queue, pop)
                if jobs:
                    self.order.rotate(queue, len(jobs))
                    self.in_hand += [(job_id, hop, queue) for job_id, hop in jobs]
                    break
            else:
                return

    def _next(self, queue: str, pop: Callable[[str], str | None]) -> list[tuple[str, str]]:
        for number in self.steps.order(keys.ALL_QUEUES.index(queue)):
            lane = tuple(Lane)[number % len(Lane)]
            message = (
                pop(keys.broker_list(queue, lane)) if lane is Lane.URGENT or queue.startswith("fallback.") else None
            )
            if message:
                jobs = named_in(message)
                self.steps.rotate(number, len(jobs))
                return jobs
        return []


class Town:
    """Tenants that enqueue, and worker processes that serve them in turns.

    Args:
        client: a client whose answers are text, to an empty database.
        processes: how many processes there are.
        batch: how many jobs a process takes at a time.
        falls_back: whether each job's first sender refuses it, so that it goes on in `fallback.syniverse`.
        is_apart: whether the first process serves the fallback queues only, and the others all but those.
    """

    def __init__(
        self, client: Redis, *, processes: int = 1, batch: int = 1, falls_back: bool = False, is_apart: bool = False
    ) -> None:
        self._client = client
        self._producer = Trunkline(redis=client)
        self._journal = Journal(now := immediate(client), lease_ms=600_000, calls=ImmediateCalls(now))
        queues = [keys.DISPATCH_QUEUES if is_apart else keys.ALL_QUEUES] * processes
        if is_apart:
            queues[0] = keys.FALLBACK_QUEUES
        self._processes = [Process(batch, LaneOrder(one)) for one in queues]
        self._from: Counter[str] = Counter()
        self._falls_back = falls_back
        self._put_off: Move | None = None
        self._numbers = count()
        self._came: dict[tuple[str, str], tuple[int, int]] = {}
        self.served: list[Served] = []

    @property
    def most_in_hand(self) -> int:
        """How many jobs the processes may have taken and not claimed."""
        return sum(process.batch - 1 + CHUNK for process in self._processes)

    def enqueue(self, tenant: str, jobs: int = 1, lane: Lane = Lane.NORMAL) -> list[str]:
        """Enqueue jobs, together if they are several; returns their ids."""
        ids = [f"{tenant}.{next(self._numbers)}" for _ in range(jobs)]
        behind = self._in_lane(keys.dispatch_queue(lane), lane)
        sent = self._producer.send_many(JOB | {"id": one, "tenant": tenant, "priority": lane.value} for one in ids)
        assert all(isinstance(one, Handle) for one in sent)
        queue = keys.dispatch_queue(lane)
        self._came |= {(one, queue): (self._from[queue], behind) for one in ids}
        return ids

    def flood(self, tenants: int, jobs: int, lane: Lane = Lane.NORMAL) -> list[str]:
        """Let tenants enqueue many jobs each; returns their names."""
        names = [f"flood-{one}" for one in range(tenants)]
        for name in names:
            self.enqueue(name, jobs, lane)
        return names

    def put_off(self, jobs: int, lane: Lane) -> None:
        """Claim jobs and let each come back at once: an urgent one to be tried again, another to be looked up."""
        again = moves.retry_later(timedelta(0), throttled_ms=1, retries=1)
        move = again if lane is Lane.URGENT else moves.look_up_later(timedelta(0), {})
        self._put_off = move
        self.serve(jobs)
        self._put_off = None
        self.served.clear()

    def move_due(self) -> None:
        """Let the mover make a pass."""
        run(self._journal.move_due(50))

    def serve(self, jobs: int, *, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Claim up to so many jobs, the processes in turns; `meanwhile` runs before each."""
        until = len(self.served) + jobs
        while len(self.served) < until:
            meanwhile()
            turns = [self._turn(process) for process in self._processes]
            if not any(turns):
                return

    def _pop(self, name: str) -> str | None:
        return cast("str | None", self._client.rpop(name))

    def _turn(self, process: Process) -> bool:
        if not process.in_hand:
            process.take(self._pop)
        if not process.in_hand:
            return False
        job_id, hop, queue = process.in_hand.popleft()
        claimed = run(self._journal.claim(job_id, hop, f"worker:{next(self._numbers)}"))
        if isinstance(claimed, Claimed):
            self._note(claimed, queue)
            if self._put_off:
                run(self._journal.finish(claimed, self._put_off, sealed_content=None))
            elif self._falls_back and queue.startswith("dispatch."):
                self._refuse(claimed)
        return True

    def _note(self, claimed: Claimed, queue: str) -> None:
        record = claimed.record
        came, behind = self._came[record.id, queue]
        is_front = self._client.hget(keys.job(record.id), "front") == "1"
        lane = Lane(record.lane)
        waited = self._from[queue] - came
        self.served.append(Served(record.id, record.tenant, lane, queue, is_front, waited, behind))
        self._from[queue] += 1

    def _refuse(self, claimed: Claimed) -> None:
        behind = self._in_lane(FALLBACK, Lane(claimed.record.lane))
        move = moves.requeue(FALLBACK, 1, sender="own", fault=Fault.NO_NUMBER, next_sender="other")
        run(self._journal.finish(claimed, move, sealed_content=None))
        self._came[claimed.record.id, FALLBACK] = self._from[FALLBACK], behind

    def _in_lane(self, queue: str, lane: Lane) -> int:
        return int(self._client.zcard(keys.placed(queue, lane))) + int(self._client.zcard(keys.front(queue, lane)))

    def of(self, ids: Sequence[str], queue: str = keys.dispatch_queue(Lane.NORMAL)) -> list[Served]:
        """Return how jobs were served from a queue; each must have been."""
        found = {one.job_id: one for one in self.served if one.queue == queue}
        assert found.keys() >= set(ids), f"{len(set(ids) - found.keys())} of {len(ids)} jobs are not served at all"
        return [found[job_id] for job_id in ids]

    def shares(self, since: int = 0) -> Counter[str]:
        """Return how many jobs of each tenant were served."""
        return Counter(one.tenant for one in self.served[since:])
