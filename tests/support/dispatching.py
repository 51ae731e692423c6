"""Producers, workers that die and come back, a forgetful broker and the sweeper in any order, on the real scripts."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from itertools import count
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from providers.faults import Fault, Outcome
from providers.protocol import Origin, OriginType
from tasks import moves
from tasks.attempt_json import attempt_json
from tasks.journal import Begun, Claimed, Journal
from tasks.moves import Move
from tasks.replay import Refused, Requeued
from tests.support.flow import twilio
from tests.support.hands import CALL_ENDS, PASS_ENDS, Hand, of_call, one_of, sent, without_call
from tests.support.immediate import immediate, run
from tests.support.journal import cancel, enqueue, now_ms, snapshot
from tests.support.places import Picture, contradictions, picture, unfinished
from trunkline_client import keys
from trunkline_client.connection import open_sync
from trunkline_client.words import JobState, Lane

Answer = TypeVar("Answer")

LANE_WINDOW, HEAD_STARTS, MOST_JOBS = 1, 2, 8
LANES = (Lane.URGENT, Lane.NORMAL)
TENANTS = ("acme", "globex")
#: Longer than any example takes: leases end only when the machine says so.
LEASE_MS = 600_000

any_of = st.integers(0, 5)
lanes, tenants = st.sampled_from(LANES), st.sampled_from(TENANTS)


class Dispatching(RuleBasedStateMachine):
    """Every actor of the journal; a step is a call of a script, a mishap between two, or a mishap and its repair."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._client = open_sync(url)
        self._redis = immediate(self._client)
        self._journal = Journal(self._redis, lease_ms=LEASE_MS)
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

    # Producers.

    @initialize()
    def empty(self) -> None:
        run(self._redis.flushdb())
        tuning = {"lane_window": LANE_WINDOW, "head_starts": HEAD_STARTS}
        run(self._redis.hset(keys.TUNING, mapping=tuning))

    @precondition(lambda self: len(self._now.records) < MOST_JOBS)
    @rule(tenant=tenants, lane=lanes, many=st.integers(1, 3))
    def enqueue(self, tenant: str, lane: Lane, many: int) -> None:
        for _ in range(many):
            self._enqueue(tenant, lane, None)

    @precondition(lambda self: len(self._now.records) < MOST_JOBS)
    @rule(tenant=tenants, lane=lanes)
    def enqueue_for_later(self, tenant: str, lane: Lane) -> None:
        self._enqueue(tenant, lane, run(now_ms(self._redis)) + 60_000)

    def _enqueue(self, tenant: str, lane: Lane, due_ms: int | None) -> None:
        job_id = f"job-{next(self._numbers)}"
        status, _ = self._do(lambda: enqueue(self._redis, job_id, tenant=tenant, lane=lane, send_at_ms=due_ms))
        assert status == "created"

    @precondition(lambda self: self._now.records)
    @rule(which=any_of)
    def cancel(self, which: int) -> None:
        self._cancel(self._job(which))

    @precondition(lambda self: self._now.members(keys.LEASES))
    @rule(which=any_of)
    def cancel_in_hand(self, which: int) -> None:
        in_hand = sorted(self._now.members(keys.LEASES))
        self._cancel(in_hand[which % len(in_hand)])

    def _cancel(self, job_id: str) -> None:
        """A job is called back only if none of its attempts is running or in question."""
        before = self._now.records[job_id]
        status, _ = self._do(lambda: cancel(self._redis, job_id))
        if status == "cancelled":
            assert {"open", "reconciling"} & before.keys() == set()
            self._cancelled[job_id] = before["attempts"]

    # The broker.

    @precondition(lambda self: self._now.nudges)
    @rule(which=any_of, begin=st.booleans())
    def serve(self, which: int, begin: bool) -> None:
        hand = self._claim(self._pop(which))
        if hand and begin and not hand.reconciling:
            self._begin(hand)

    @precondition(lambda self: self._now.nudges)
    @rule(which=any_of)
    def serve_and_fall_asleep(self, which: int) -> None:
        """A worker is paused in its call, and by the time it wakes up others look for its outcome."""
        self.serve(which, begin=True)
        self._end_leases(hand.job_id for hand in self._hands[-1:])
        run(self._journal.sweep(100, 0))
        self._make_due(hand.job_id for hand in self._hands[-1:])
        self.move()

    @precondition(lambda self: self._now.nudges)
    @rule(which=any_of, again=st.booleans())
    def serve_two_numbers(self, which: int, again: bool) -> None:
        """A number is refused and another one tried; the end of the first attempt may come in once more."""
        hand = self._claim(self._pop(which))
        if not hand or hand.reconciling:
            return
        self._begin(hand)
        if not hand.open:
            return
        self._refused.add((hand.job_id, hand.open))
        self._finish(hand, of_call(hand.open)["stay"])
        end_of_the_first = self._old[-1]
        self._begin(hand)
        if again and hand.open:
            self._arrive(end_of_the_first)

    @precondition(lambda self: self._now.nudges)
    @rule(which=any_of, sweep=st.booleans())
    def lose_a_nudge(self, which: int, sweep: bool) -> None:
        self._pop(which)
        if sweep:
            self.sweep()

    @precondition(lambda self: self._taken)
    @rule(which=any_of, with_hop=st.booleans())
    def deliver_again(self, which: int, with_hop: bool) -> None:
        nudge = self._taken[-1 - which % len(self._taken)]
        self._claim(nudge if with_hop else f"{nudge.rpartition('.')[0]}.")

    @precondition(lambda self: self._now.nudges)
    @rule(which=any_of)
    def duplicate_a_nudge(self, which: int) -> None:
        name = sorted(self._now.nudges)[which % len(self._now.nudges)]
        self._mishap(self._redis.rpush(name, run(self._redis.lindex(name, -1))))

    def _pop(self, which: int) -> str:
        """Take the nudge that is served next from one of the lists; returns its id."""
        name = sorted(self._now.nudges)[which % len(self._now.nudges)]
        nudge: str = json.loads(self._mishap(self._redis.rpop(name)))["headers"]["id"]
        self._taken.append(nudge)
        return nudge

    # Workers.

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

    @precondition(lambda self: self._fresh())
    @rule(which=any_of)
    def begin(self, which: int) -> None:
        self._begin(one_of(self._fresh(), which))

    def _begin(self, hand: Hand) -> None:
        number = hand.attempts + 1
        attempt = attempt_json(hand.job_id, number, twilio(), Origin(OriginType.NUMBER, "+12015550100"), 5)
        chain, job = ("acme-twilio", "acme-syniverse"), run(self._redis.hgetall(keys.job(hand.job_id)))
        is_ours = job.get("owner") == hand.claimed.owner and int(job["lease_ms"]) > 1
        claimed = hand.claimed
        begun = self._do_for_a_worker(
            lambda: self._journal.begin_attempt(
                claimed, number, attempt, chain=chain, least_life_ms=5_000, twins="tl:calling:x"
            )
        )
        assert (begun is not Begun.LOST) == is_ours
        if begun is Begun.BEGUN:
            hand.attempts = hand.open = number
        elif begun is Begun.EXPIRED:
            self._finish(hand, moves.expired())
        else:
            self._hands.remove(hand)

    @precondition(lambda self: self._acceptable())
    @rule(which=any_of)
    def accept(self, which: int) -> None:
        """The provider took the message, or a lookup found it."""
        self._accept(one_of(self._acceptable(), which))

    def _accept(self, hand: Hand) -> None:
        number = hand.open or hand.reconciling
        self._accepted[hand.job_id].add(number)
        self._finish(hand, sent(hand.job_id, number))

    @precondition(lambda self: self._calling())
    @rule(which=any_of, how=st.sampled_from(CALL_ENDS))
    def end_call(self, which: int, how: str) -> None:
        hand = one_of(self._calling(), which)
        move = of_call(hand.open)[how]
        if move.outcome is Outcome.REFUSED:
            # A provider that has the message does not say later that it refused it.
            if hand.open in self._accepted[hand.job_id]:
                return
            self._refused.add((hand.job_id, hand.open))
        if how == "give back":
            move = replace(move, extra={"queue": hand.claimed.record.queue})
        self._finish(hand, move)

    @precondition(lambda self: self._idle())
    @rule(which=any_of, how=st.sampled_from(PASS_ENDS))
    def end_pass(self, which: int, how: str) -> None:
        hand = one_of(self._idle(), which)
        move = without_call(hand).get(how)
        if move:
            self._finish(hand, move)

    def _finish(self, hand: Hand, move: Move) -> None:
        sealed = None if move.state is JobState.SENT else "sealed:x"
        claimed = hand.claimed
        state = self._do_for_a_worker(lambda: self._journal.finish(claimed, move, sealed_content=sealed))
        assert state is None or state is move.state
        if state is JobState.DISPATCHING:
            hand.open = hand.reconciling = 0
        else:
            self._hands.remove(hand)

    # Time and upkeep.

    @precondition(lambda self: self._now.members(keys.LEASES))
    @rule(which=any_of, is_dead=st.booleans(), sweep=st.booleans())
    def pause_a_worker(self, which: int, is_dead: bool, sweep: bool) -> None:
        """Its lease ends; it may come back, and the sweeper may be faster."""
        job_id = sorted(self._now.members(keys.LEASES))[which % len(self._now.members(keys.LEASES))]
        self._end_leases([job_id])
        if is_dead:
            self._hands = [hand for hand in self._hands if hand.job_id != job_id]
        if sweep:
            self.sweep()

    def _end_leases(self, ids: Iterable[str]) -> None:
        for job_id in ids:
            if self._mishap(self._redis.zadd(keys.LEASES, {job_id: 1}, xx=True, ch=True)):
                run(self._redis.hset(keys.job(job_id), "lease_ms", 1))

    def _make_due(self, ids: Iterable[str]) -> None:
        for job_id in ids:
            self._mishap(self._redis.zadd(keys.DELAYED, {job_id: 1}, xx=True))

    @precondition(lambda self: self._now.records)
    @rule(which=any_of)
    def let_a_life_end(self, which: int) -> None:
        self._mishap(self._redis.hset(keys.job(self._job(which)), "expires_ms", 1))

    @rule()
    def sweep(self) -> None:
        self._do(lambda: self._journal.sweep(100, 0))

    @precondition(lambda self: self._now.members(keys.DELAYED))
    @rule(which=any_of, move=st.booleans())
    def let_one_be_due(self, which: int, move: bool) -> None:
        delayed = sorted(self._now.members(keys.DELAYED))
        self._make_due([delayed[which % len(delayed)]])
        if move:
            self.move()

    @precondition(lambda self: self._now.members(keys.DELAYED))
    @rule()
    def move(self) -> None:
        self._do(lambda: self._journal.move_due(100))

    @precondition(lambda self: self._again)
    @rule()
    def send_the_last_call_again(self) -> None:
        assert self._again
        before = run(snapshot(self._redis))
        answer = run(self._again())
        if isinstance(answer, JobState | Begun | Requeued | Refused | None):
            assert answer == self._answer
        assert without_clocks(run(snapshot(self._redis))) == without_clocks(before)

    @precondition(lambda self: self._old)
    @rule(which=any_of)
    def let_an_old_call_arrive(self, which: int) -> None:
        """A connection was slow: its command was sent again over another, and now comes in all the same."""
        self._arrive(self._old[-1 - which % len(self._old)])

    def _arrive(self, call: Callable[[], Awaitable[Any]]) -> None:
        before = run(snapshot(self._redis))
        self._mishap(call())
        assert without_clocks(run(snapshot(self._redis))) == without_clocks(before)

    # What must hold.

    @invariant()
    def the_journal_is_sound(self) -> None:
        self._is_sound = False
        self._now = run(picture(self._redis))
        assert contradictions(self._now, lane_window=LANE_WINDOW, head_starts=HEAD_STARTS) == []
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

    def teardown(self) -> None:
        if self._is_sound:
            self._drain()
        self._client.close()

    def _drain(self) -> None:
        """Every worker dies; those that come after them bring every job to its end."""
        self._hands.clear()
        for _ in range(20):
            if not unfinished(self._now):
                return
            self._end_leases(self._now.members(keys.LEASES))
            self.sweep()
            self._make_due(run(self._redis.zrange(keys.DELAYED, 0, -1)))
            self.move()
            self._serve_all()
        raise AssertionError(f"never done: {unfinished(self._now)}")

    def _serve_all(self) -> None:
        self.the_journal_is_sound()
        while self._now.nudges:
            hand = self._claim(self._pop(0))
            if hand:
                self._serve_to_the_end(hand)
            self.the_journal_is_sound()

    def _serve_to_the_end(self, hand: Hand) -> None:
        if not hand.reconciling:
            self._begin(hand)
        if hand in self._acceptable():
            self._accept(hand)
        elif hand in self._hands:
            self._finish(hand, moves.failed(Fault.AUTH))


def without_clocks(database: dict[str, Any]) -> dict[str, Any]:
    """Leases may move with the clock, and the sweeper may drop the name of a set that is empty; nothing else may."""
    kept = {key: value for key, value in database.items() if key not in {keys.LEASES, "tl:waiters"}}
    for key, (value, has_end) in kept.items():
        if key.startswith("tl:job:"):
            kept[key] = ({name: one for name, one in value.items() if name != "lease_ms"}, has_end)
    return kept
