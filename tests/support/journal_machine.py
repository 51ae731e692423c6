"""What every actor in the state machine of the journal builds on: one step of a script, and what must hold after it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from itertools import count
from typing import Any, TypeVar

from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
)

from providers.protocol import Origin, OriginType
from senders.pacing import Gate
from tasks import moves
from tasks.attempt_json import attempt_json
from tasks.journal import Begun, Claimed, Journal
from tasks.moves import Move
from tests.support.flow import twilio
from tests.support.hands import Hand, sent
from tests.support.immediate import ImmediateCalls, immediate, run
from tests.support.journal import cancel, enqueue, named_in, snapshot
from tests.support.places import Picture, contradictions, picture
from trunkline_client import keys
from trunkline_client.connection import open_sync
from trunkline_client.record import Follows
from trunkline_client.words import JobState, Lane

Answer = TypeVar("Answer")

LANE_WINDOW, HEAD_STARTS, CHUNK_JOBS = 3, 2, 2
#: Longer than any example takes: leases end only when the machine says so.
LEASE_MS = 600_000
#: The gates of one of the tenants: one attempt at a time, and a queue that two may join, or three urgent ones.
MESSAGE_MS = 600_000
GATES = (Gate("segments:AC1:+12015550100", MESSAGE_MS), Gate("requests:AC1", 1))
AHEAD_MS = {Lane.URGENT: 2 * MESSAGE_MS, Lane.NORMAL: MESSAGE_MS, Lane.BULK: 0}


class JournalMachine(RuleBasedStateMachine):
    """What the actors have in common: the scripts, what each believes, and what must hold."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._client = open_sync(url)
        self._redis = immediate(self._client)
        self._journal = Journal(self._redis, lease_ms=LEASE_MS, calls=ImmediateCalls(self._redis))
        self._numbers = count(1)
        self._hands: list[Hand] = []
        self._taken: list[str] = []
        self._accepted: defaultdict[str, set[int]] = defaultdict(set)
        self._refused: set[tuple[str, int]] = set()
        self._fences: dict[str, int] = {}
        self._claimed_hops: dict[str, int] = {}
        self._again: Callable[[], Awaitable[Any]] | None = None
        self._answer: Any = None
        self._old: list[Callable[[], Awaitable[Any]]] = []
        self._cancelled: dict[str, str] = {}
        self._now = Picture()
        self._is_sound = False

    def _do(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Run a call of one script and remember it, to be sent again."""
        # No two calls in the same millisecond: what the sweeper sees depends on it, and an example must do so again.
        time.sleep(0.001)
        answer = run(call())
        self._again, self._answer = call, answer
        return answer

    def _do_for_a_worker(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Run a call of one script that may also arrive a second time, much later."""
        self._old.append(call)
        return self._do(call)

    def _mishap(self, work: Awaitable[Answer]) -> Answer:
        """Do what no script did."""
        self._again = None
        return run(work)

    def _job(self, which: int) -> str:
        """Return the id of a job, the newest for 0."""
        ids = sorted(self._now.records, key=lambda job_id: -int(job_id.rpartition("-")[2]))
        return ids[which % len(ids)]

    @initialize()
    def empty(self) -> None:
        run(self._redis.flushdb())
        tuning = {"lane_window": LANE_WINDOW, "head_starts": HEAD_STARTS, "chunk_jobs": CHUNK_JOBS, "quiet_jobs": 2}
        run(self._redis.hset(keys.TUNING, mapping=tuning))

    def _enqueue(self, tenant: str, lane: Lane, due_ms: int | None = None, follows: Follows = Follows.NONE) -> None:
        job_id = f"job-{next(self._numbers)}"
        status, _ = self._do(
            lambda: enqueue(self._redis, job_id, tenant=tenant, lane=lane, send_at_ms=due_ms, follows=follows)
        )
        assert status == "created"

    def _cancel(self, job_id: str) -> None:
        """A job is called back only if none of its attempts is running or in question."""
        before = self._now.records[job_id]
        status, _ = self._do(lambda: cancel(self._redis, job_id))
        if status == "cancelled":
            assert {"open", "reconciling"} & before.keys() == set()
            self._cancelled[job_id] = before["attempts"]

    def _pop(self, which: int) -> str:
        """Take the message that is served next from one of the lists; returns the first nudge in it.

        The others of a chunk may be delivered later, in any order, or never.
        """
        name = sorted(self._now.nudges)[which % len(self._now.nudges)]
        first, *others = [".".join(named) for named in named_in(self._mishap(self._redis.rpop(name)))]
        self._taken += [*others, first]
        return first

    def _claim(self, nudge: str) -> Hand | None:
        job_id, _, hop = nudge.rpartition(".")
        owner = f"worker:{next(self._numbers)}"
        claimed = self._do(lambda: self._journal.claim(job_id, hop, owner))
        if not isinstance(claimed, Claimed):
            return None
        fence = int(claimed.record.fence)
        assert fence > self._fences.get(job_id, 0)
        assert hop in {"", self._now.records[job_id]["hop"]}
        self._fences[job_id], self._claimed_hops[job_id] = fence, int(self._now.records[job_id]["hop"])
        hand = Hand(claimed, len(claimed.record.attempts), 0, claimed.record.reconciling or 0)
        self._hands.append(hand)
        return hand

    def _fresh(self) -> list[Hand]:
        return [hand for hand in self._hands if not hand.open and not hand.reconciling]

    def _calling(self) -> list[Hand]:
        return [hand for hand in self._hands if hand.open]

    def _idle(self) -> list[Hand]:
        return [hand for hand in self._hands if not hand.open]

    def _acceptable(self) -> list[Hand]:
        numbers = ((hand, hand.open or hand.reconciling) for hand in self._hands)
        return [hand for hand, number in numbers if number and (hand.job_id, number) not in self._refused]

    def _begin(self, hand: Hand) -> None:
        number = hand.attempts + 1
        attempt = attempt_json(hand.job_id, number, twilio(), Origin(OriginType.NUMBER, "+12015550100"), 5)
        chain, job = ("acme-twilio", "acme-syniverse"), run(self._redis.hgetall(keys.job(hand.job_id)))
        gates = GATES if job.get("tenant") == "globex" else ()
        ahead_ms = AHEAD_MS[Lane(job["lane"])] if gates else 0
        is_ours = job.get("owner") == hand.claimed.owner and int(job["lease_ms"]) > 1
        claimed = hand.claimed
        begun = self._do_for_a_worker(
            lambda: self._journal.begin_attempt(
                claimed,
                number,
                attempt,
                chain=chain,
                least_life_ms=5_000,
                twins="tl:calling:x",
                gates=gates,
                ahead_ms=ahead_ms,
            )
        )
        assert (begun is not Begun.LOST) == is_ours
        if begun is Begun.BEGUN:
            hand.attempts = hand.open = number
        elif begun is Begun.EXPIRED:
            self._finish(hand, moves.expired())
        else:
            self._hands.remove(hand)

    def _accept(self, hand: Hand) -> None:
        number = hand.open or hand.reconciling
        self._accepted[hand.job_id].add(number)
        self._finish(hand, sent(hand.job_id, number))

    def _finish(self, hand: Hand, move: Move) -> None:
        sealed = None if move.state is JobState.SENT else "sealed:x"
        claimed = hand.claimed
        state = self._do_for_a_worker(lambda: self._journal.finish(claimed, move, sealed_content=sealed))
        assert state is None or state is move.state
        if state is JobState.DISPATCHING:
            hand.open = hand.reconciling = 0
        else:
            self._hands.remove(hand)

    def _end_leases(self, ids: Iterable[str]) -> None:
        for job_id in ids:
            if self._mishap(self._redis.zadd(keys.LEASES, {job_id: 1}, xx=True, ch=True)):
                run(self._redis.hset(keys.job(job_id), "lease_ms", 1))

    def _make_due(self, ids: Iterable[str]) -> None:
        for job_id in ids:
            self._mishap(self._redis.zadd(keys.DELAYED, {job_id: 1}, xx=True))

    def _empty_the_queue(self) -> None:
        """Time passes at the gates: the provider's queue has emptied, and shares that were kept for others lapse."""
        for name in self._now.members(keys.GATES_DUE):
            self._mishap(self._redis.delete(keys.gate(name, "empty")))
            called = dict.fromkeys(run(self._redis.zrange(keys.gate(name, "called"), 0, -1)), 1)
            if called:
                run(self._redis.zadd(keys.gate(name, "called"), called))
            run(self._redis.zadd(keys.GATES_DUE, {name: 1}, xx=True))

    def _arrive(self, call: Callable[[], Awaitable[Any]]) -> None:
        before = run(snapshot(self._redis))
        self._mishap(call())
        assert without_clocks(run(snapshot(self._redis))) == without_clocks(before)

    @invariant()
    def the_journal_is_sound(self) -> None:
        self._is_sound = False
        self._now = run(picture(self._redis))
        assert contradictions(self._now, lane_window=LANE_WINDOW, head_starts=HEAD_STARTS, chunk_jobs=CHUNK_JOBS) == []
        for gate in GATES:
            taken = self._now.members(keys.gate(gate.name, "open"))
            assert len(taken) <= gate.need, f"{taken} run behind {gate.name}"
            left_ms = float(self._now.numbers.get(keys.gate(gate.name, "empty"), 0)) - time.time() * 1000
            assert left_ms <= AHEAD_MS[Lane.URGENT] + MESSAGE_MS
        for job_id, job in self._now.records.items():
            self._check_job(job_id, job)
        self._is_sound = True

    def _check_job(self, job_id: str, job: dict[str, str]) -> None:
        nudge, accepted = f"{job_id}.{job['hop']}", self._accepted[job_id]
        there = nudge in self._taken or any(nudge in nudges for nudges in self._now.nudges.values())
        if job.get("place") == "lane":
            assert there, f"no nudge for {job_id}"
            assert int(job["hop"]) > self._claimed_hops.get(job_id, 0)
        assert (job["state"] == JobState.SENT) == bool(accepted), f"{job_id} is {job['state']}"
        assert job["attempts"] == self._cancelled.get(job_id, job["attempts"]), f"{job_id} went on when cancelled"
        assert len(accepted) < 2 or job.get("maybe_twice") == "1", f"{job_id} was sent twice"


def without_clocks(database: dict[str, Any]) -> dict[str, Any]:
    """Leases may move with the clock, and the sweeper may drop the name of a set that is empty; nothing else may."""
    moving = {keys.LEASES, "tl:waiters", keys.GATES_DUE}
    kept = {key: value for key, value in database.items() if key not in moving}
    for key, (value, has_end) in kept.items():
        if key.startswith("tl:job:"):
            kept[key] = ({name: one for name, one in value.items() if name != "lease_ms"}, has_end)
    return kept
