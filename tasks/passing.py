"""Turns from one sender of the chain to the next that may be used, recording those passed over."""

from __future__ import annotations

from dataclasses import dataclass, replace

from providers.faults import Fault
from senders.model import Sender
from senders.routing import unusable
from tasks import moves
from tasks.in_hand import InHand
from tasks.moves import Move, Uncalled
from trunkline_client import keys


@dataclass(frozen=True, slots=True)
class Turn:
    """The next usable sender at or after a step of the chain, and those that were passed over on the way.

    Attributes:
        step: the index of the sender in the chain; the chain's length when it is exhausted.
        sender: None when the chain is exhausted.
    """

    step: int
    sender: Sender | None
    passed: tuple[Uncalled, ...]


def next_turn(hand: InHand, step: int) -> Turn:
    """Return whose turn it is from index `step` of the chain on."""
    passed: list[Uncalled] = []
    for index in range(step, len(hand.chain)):
        key = hand.chain[index]
        sender = hand.config.senders.get(key)
        reason = unusable(sender)
        if sender is not None and reason is None:
            return Turn(index, sender, tuple(passed))
        provider = sender.kind.provider if sender else ""
        passed.append(Uncalled(key, provider, sender.account_name if sender else key, reason.value if reason else None))
    return Turn(len(hand.chain), None, tuple(passed))


def fall_back(
    hand: InHand, fault: Fault, *, step: int, after: int, passed: tuple[Uncalled, ...] = (), maybe_twice: bool = False
) -> tuple[Move, str]:
    """Return the move to the next usable sender's queue, or the end of the job, with the line that reports it.

    Args:
        fault: why the present sender could not; the job's fault if nobody is left.
        step: the index of the first sender to consider.
        after: the number of the job's last attempt so far.
        passed: senders passed over before, to be recorded with this move.
        maybe_twice: whether the recipient may already have, or get, the message.
    """
    turn = next_turn(hand, step)
    passed = (*passed, *turn.passed)
    if turn.sender is None:
        maybe_sent = maybe_twice or hand.record.maybe_twice
        move, line = moves.failed(fault, maybe_sent=maybe_sent), f"failed {fault}"
    else:
        queue = keys.fallback_queue(turn.sender.kind.provider)
        move, line = moves.requeue(queue, turn.step, maybe_twice=maybe_twice), f"{fault} -> {queue}"
        if hand.is_new_chain:
            move.details["fields"]["chain"] = moves.chain_json(hand.chain)
    if passed:
        pairs = moves.uncalled_json(hand.record, list(passed), after=after, now_ms=hand.hold.now_ms())
        move = replace(move, details={**move.details, "uncalled": pairs})
    return move, line
