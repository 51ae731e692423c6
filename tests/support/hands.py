"""A worker's hands as the state machine moves them, and every way in which a call or a pass may end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from providers.faults import Fault, Outcome, ruling
from providers.protocol import AttemptResult
from tasks import moves
from tasks.attempt_json import Uncalled, attempt_id, uncalled_json
from tasks.journal import Claimed
from tasks.moves import Move

FALLBACK = "fallback.syniverse"
REFUSED = AttemptResult(outcome=Outcome.REFUSED, ruling=ruling(Fault.AUTH))
UNSENT = AttemptResult(outcome=Outcome.REFUSED, ruling=ruling(Fault.UNAVAILABLE), code="lease_lost")
UNKNOWN = AttemptResult(outcome=Outcome.UNKNOWN)


def fallback(queue: str = FALLBACK) -> Move:
    """Return the move from acme-twilio to acme-syniverse."""
    return moves.requeue(queue, 1, sender="acme-twilio", fault=Fault.AUTH, next_sender="acme-syniverse")


@dataclass(slots=True)
class Hand:
    """A worker that believes it has a job: right, or paused so long that others have it.

    Attributes:
        attempts: how many attempts it knows of.
        open: the attempt it has begun, 0 if none.
        reconciling: the attempt whose outcome it has to find out, 0 if none.
    """

    claimed: Claimed
    attempts: int
    open: int
    reconciling: int

    @property
    def job_id(self) -> str:
        return self.claimed.record.id


def sent(job_id: str, number: int) -> Move:
    accepted = AttemptResult(outcome=Outcome.ACCEPTED, provider_id=f"SM{job_id}.{number}")
    return moves.sent(
        sender="acme-twilio",
        provider="twilio",
        account="AC1",
        provider_id=f"SM{job_id}.{number}",
        attempt_id=attempt_id(job_id, number),
        keep_content=False,
    ).ending(number, accepted, 5)


def of_call(number: int) -> dict[str, Move]:
    """Return the ways in which a call may end that no provider accepted."""
    unknown = moves.unknown_fields(number, 5)
    second = timedelta(seconds=1)
    return {
        "stay": moves.stay().ending(number, REFUSED, 5),
        "requeue": fallback().ending(number, REFUSED, 5),
        "give back": moves.give_back("dispatch.normal").ending(number, UNSENT, 5),
        "retry": moves.retry_later(second, throttled_ms=5, retries=1).ending(number, REFUSED, 5),
        "failed": moves.failed(Fault.AUTH).ending(number, REFUSED, 5),
        "give up": moves.failed(Fault.UNAVAILABLE).with_fields(maybe_sent="1").ending(number, UNKNOWN, 5),
        "look up": moves.look_up_later(second, unknown).ending(number, UNKNOWN, 5),
        "resend": fallback().with_fields(maybe_twice="1").ending(number, UNKNOWN, 5),
    }


def without_call(hand: Hand) -> dict[str, Move]:
    """Return the ways in which a pass may end without a call."""
    number = hand.attempts + 1
    passed = uncalled_json(hand.job_id, number, Uncalled("acme-twilio", "twilio", "AC1"), 5)
    ways = {
        "held": moves.held(),
        "expired": moves.expired(),
        "failed": replace(moves.failed(Fault.NO_NUMBER), uncalled=(passed,)),
        "requeue": replace(fallback(), uncalled=(passed,)),
    }
    if hand.reconciling:
        ways["look up again"] = moves.look_up_later(timedelta(seconds=2), {"lookups": 1, "good_lookups": 1})
        ways["same sender again"] = moves.same_sender_again()
        if hand.reconciling < hand.claimed.record.first_attempt:
            ways["begin anew"] = moves.begin_anew(hand.claimed.record.lane)
            following = min(hand.reconciling + 1, hand.claimed.record.first_attempt - 1)
            ways["ask about the next"] = moves.look_up_later(timedelta(0), moves.unknown_fields(following, 5))
    else:
        ways["rejected"] = moves.rejected("country")
        ways["give back"] = moves.give_back(hand.claimed.record.queue)
    return ways


CALL_ENDS = tuple(of_call(1))
PASS_ENDS = (
    *("held", "expired", "failed", "requeue", "look up again", "same sender again", "begin anew", "ask about the next"),
    *("rejected", "give back"),
)


def one_of(hands: list[Hand], which: int) -> Hand:
    """Return one of the hands, the latest for 0."""
    return hands[-1 - which % len(hands)]
