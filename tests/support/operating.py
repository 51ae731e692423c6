"""The state machine of the journal with its operators: one who settles, and two who replay, maybe at once."""

from __future__ import annotations

import json
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tasks import moves
from tasks.replay import Refused, Replays, Requeued, Terms
from tasks.settle import WasNotSent, WasSent, settle
from tests.support.dispatching import Dispatching, any_of
from tests.support.hands import Hand, of_call
from tests.support.immediate import run
from tests.support.places import unfinished
from trunkline_client import keys
from trunkline_client.words import JobState, Lane

any_lane = st.sampled_from((None, *Lane))
ANEW = timedelta(hours=1)


class Operating(Dispatching):
    """Every actor of the journal, and people who interfere."""

    @precondition(lambda self: self._now.nudges)
    @rule(which=any_of, how=st.sampled_from(("failed", "give up", "look up", "held")), is_asleep=st.booleans())
    def let_one_come_to_its_operator(self, which: int, how: str, is_asleep: bool) -> None:
        """A job fails, for sure or in doubt, or is held for an attempt or before any; its worker may sleep."""
        hand = self._claim(self._pop(which))
        if not hand or hand.reconciling:
            return
        if how == "held":
            self._finish(hand, moves.held())
            return
        self._begin(hand)
        if not hand.open:
            return
        if how == "look up":
            self._hold(hand, is_asleep)
            return
        if how == "failed":
            self._refused.add((hand.job_id, hand.open))
        self._finish(hand, of_call(hand.open)[how])

    def _hold(self, hand: Hand, is_asleep: bool) -> None:
        if is_asleep:
            self._end_leases([hand.job_id])
            self.sweep()
        else:
            self._finish(hand, of_call(hand.open)["look up"])
        self._make_due([hand.job_id])
        self.move()
        asking = self._claim(f"{hand.job_id}.")
        assert asking
        self._finish(asking, moves.held())

    @precondition(lambda self: self._now.records)
    @rule(which=any_of, unknown=st.booleans(), is_anew=st.booleans(), by_two=st.booleans())
    def replay(self, which: int, unknown: bool, is_anew: bool, by_two: bool) -> None:
        self._replay_as_told(self._job(which), Terms(unknown=unknown, ttl=ANEW if is_anew else None), by_two)

    @precondition(lambda self: self._replayable())
    @rule(
        which=any_of,
        unknown=st.booleans(),
        lane=any_lane,
        via=st.sampled_from((None, "acme-twilio")),
        by_two=st.booleans(),
    )
    def replay_what_may_be(self, which: int, unknown: bool, lane: Lane | None, via: str | None, by_two: bool) -> None:
        jobs = self._replayable()
        self._replay_as_told(jobs[which % len(jobs)], Terms(unknown=unknown, ttl=ANEW, lane=lane, via=via), by_two)

    def _replayable(self) -> list[str]:
        states = {JobState.FAILED, JobState.EXPIRED, JobState.HELD}
        return sorted(job_id for job_id, job in self._now.records.items() if job["state"] in states)

    def _replay_as_told(self, job_id: str, terms: Terms, by_two: bool) -> None:
        before = self._now.records[job_id]
        result = self._replay(job_id, terms)
        if isinstance(result, Requeued):
            self._check_replayed(before, run(self._redis.hgetall(keys.job(job_id))), terms)
        else:
            assert run(self._redis.hgetall(keys.job(job_id))) == before
        if by_two:
            assert isinstance(self._replay(job_id, terms), Refused)

    def _replay(self, job_id: str, terms: Terms) -> Requeued | Refused:
        token = str(next(self._numbers))
        replays = Replays(self._redis, actor="ops", run=token)

        async def once() -> Refused | Requeued:
            (result,) = await replays.replay([job_id], terms)
            assert not isinstance(result, Exception)
            return result

        return self._do(once)

    def _check_replayed(self, before: dict[str, str], after: dict[str, str], terms: Terms) -> None:
        """It keeps what was tried, was none of those that are never replayed, and is asked about if it may be sent."""
        tried = {name: text for name, text in before.items() if name.startswith(("attempt:", "result:"))}
        assert tried.items() <= after.items()
        assert before["state"] in {JobState.FAILED, JobState.EXPIRED, JobState.HELD}
        outcomes = {json.loads(text)["outcome"] for name, text in tried.items() if name.startswith("result:")}
        is_in_doubt = bool(outcomes - {"refused"}) or "maybe_sent" in before or "maybe_twice" in before
        assert terms.unknown or not (is_in_doubt or before["state"] == JobState.HELD)
        assert after["lane"] == (terms.lane or before["lane"])
        # A held job that was being asked about goes on with that, also where a late answer has settled it meanwhile.
        goes_on = before["state"] == JobState.HELD and "reconciling" in before and terms.via is None
        is_asked_about = goes_on or bool(outcomes - {"refused"})
        assert after["state"] == (JobState.RECONCILING if is_asked_about else JobState.QUEUED)

    @precondition(lambda self: self._now.members(keys.HELD))
    @rule(which=any_of, was_sent=st.booleans())
    def settle(self, which: int, was_sent: bool) -> None:
        held = sorted(self._now.members(keys.HELD))
        self._settle(held[which % len(held)], was_sent)

    def _settle(self, job_id: str, was_sent: bool) -> None:
        """The operator may be wrong: a paused worker can come back with another answer."""
        token, job = str(next(self._numbers)), self._now.records[job_id]
        results = {one: json.loads(job.get(f"result:{one}", "{}")) for one in range(1, int(job["attempts"]) + 1)}
        in_doubt = [one for one, result in results.items() if result.get("outcome") != "refused"]
        number = in_doubt[-1] if in_doubt and was_sent else None
        if number:
            self._accepted[job_id].add(number)
        ending = WasSent(number, f"SM{job_id}.{number}") if number else WasNotSent()
        state = self._do(lambda: settle(self._redis, job_id, ending, actor="ops", token=token))
        assert state is (JobState.SENT if number else JobState.FAILED)

    def _drain(self) -> None:
        """What is held at the end, its operator ends."""
        super()._drain()
        for job_id in self._now.members(keys.HELD):
            self._settle(job_id, was_sent=False)
        self.the_journal_is_sound()
        assert not unfinished(self._now)
        assert not self._now.members(keys.HELD)
