"""Producers, workers that die and come back, a forgetful broker and the sweeper in any order, on the real scripts."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import (
    precondition,
    rule,
)

from providers.faults import Fault, Outcome
from tasks import moves
from tasks.journal import Begun, Waits
from tasks.replay import Refused, Requeued
from tests.support.hands import CALL_ENDS, PASS_ENDS, Hand, of_call, one_of, without_call
from tests.support.immediate import run
from tests.support.journal import now_ms, snapshot
from tests.support.journal_machine import JournalMachine, without_clocks
from tests.support.places import unfinished
from trunkline_client import keys
from trunkline_client.record import Follows
from trunkline_client.words import JobState, Lane

MOST_JOBS = 8
LANES = (Lane.URGENT, Lane.NORMAL)
TENANTS = ("acme", "globex")

any_of = st.integers(0, 5)
lanes, tenants = st.sampled_from(LANES), st.sampled_from(TENANTS)


class Dispatching(JournalMachine):
    """Every actor of the journal; a step is a call of a script, a mishap between two, or a mishap and its repair."""

    @precondition(lambda self: len(self._now.records) < MOST_JOBS)
    @rule(tenant=tenants, lane=lanes, many=st.integers(1, 3))
    def enqueue(self, tenant: str, lane: Lane, many: int) -> None:
        for _ in range(many):
            self._enqueue(tenant, lane)

    @precondition(lambda self: len(self._now.records) < MOST_JOBS)
    @rule(tenant=tenants, lane=lanes, many=st.integers(1, 5), lives=st.booleans())
    def enqueue_together(self, tenant: str, lane: Lane, many: int, lives: bool) -> None:
        """A producer sends several in one pipeline, and may die on the way."""
        for _ in range(many):
            self._enqueue(tenant, lane, follows=Follows.MORE)
        if lives:
            self._enqueue(tenant, lane, follows=Follows.LAST)
        else:
            self.sweep()

    @precondition(lambda self: len(self._now.records) < MOST_JOBS)
    @rule(tenant=tenants, lane=lanes)
    def enqueue_for_later(self, tenant: str, lane: Lane) -> None:
        self._enqueue(tenant, lane, run(now_ms(self._redis)) + 60_000)

    @precondition(lambda self: self._now.records)
    @rule(which=any_of)
    def cancel(self, which: int) -> None:
        self._cancel(self._job(which))

    @precondition(lambda self: self._now.members(keys.LEASES))
    @rule(which=any_of)
    def cancel_in_hand(self, which: int) -> None:
        in_hand = sorted(self._now.members(keys.LEASES))
        self._cancel(in_hand[which % len(in_hand)])

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

    @precondition(lambda self: self._fresh())
    @rule(which=any_of)
    def begin(self, which: int) -> None:
        self._begin(one_of(self._fresh(), which))

    @precondition(lambda self: self._acceptable())
    @rule(which=any_of)
    def accept(self, which: int) -> None:
        """The provider took the message, or a lookup found it."""
        self._accept(one_of(self._acceptable(), which))

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

    @precondition(lambda self: self._now.members(keys.GATES_DUE))
    @rule()
    def let_a_queue_empty(self) -> None:
        """The provider has sent what stood in its queue, and the mover comes by."""
        self._empty_the_queue()
        self.move()

    @precondition(lambda self: self._now.members(keys.DELAYED) or self._now.members(keys.GATES_DUE))
    @rule()
    def move(self) -> None:
        self._do(lambda: self._journal.move_due(100))

    @precondition(lambda self: self._again)
    @rule()
    def send_the_last_call_again(self) -> None:
        assert self._again
        before = run(snapshot(self._redis))
        answer = run(self._again())
        if isinstance(answer, JobState | Begun | Waits | Requeued | Refused | None):
            assert answer == self._answer
        assert without_clocks(run(snapshot(self._redis))) == without_clocks(before)

    @precondition(lambda self: self._old)
    @rule(which=any_of)
    def let_an_old_call_arrive(self, which: int) -> None:
        """A connection was slow: its command was sent again over another, and now comes in all the same."""
        self._arrive(self._old[-1 - which % len(self._old)])

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
            self._empty_the_queue()
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
