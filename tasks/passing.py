"""Turns from one sender of the chain to the next that may be used, recording those passed over."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from providers.faults import Fault
from senders.model import Sender
from senders.routing import unusable
from tasks import moves
from tasks.attempt_json import Uncalled, uncalled_json
from tasks.in_hand import InHand
from tasks.moves import Move
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
        code = reason.value if reason else None
        passed.append(Uncalled.of(sender, code) if sender else Uncalled(key, "", key, code))
    return Turn(len(hand.chain), None, tuple(passed))


def fall_back(
    hand: InHand, fault: Fault, *, step: int, after: int, passed: tuple[Uncalled, ...] = (), maybe_twice: bool = False
) -> Move:
    """Return the move to the next usable sender's queue, or the end of the job.

    Args:
        hand: the job.
        fault: why the present sender could not; the job's fault if nobody is left.
        step: the index of the first sender to consider.
        after: the number of the job's last attempt so far.
        passed: senders passed over before, to be recorded with this move.
        maybe_twice: whether the recipient may have the message already, for all that anybody knows.
    """
    turn = next_turn(hand, step)
    if turn.sender is None:
        move = moves.failed(fault)
        move = move.with_fields(maybe_sent="1") if maybe_twice else move
    else:
        move = moves.requeue(
            keys.fallback_queue(turn.sender.kind.provider),
            turn.step,
            sender=hand.chain[hand.record.step],
            fault=fault,
            next_sender=turn.sender.key,
        )
        move = move.with_fields(maybe_twice="1") if maybe_twice else move
        move = move.with_fields(chain=json.dumps(hand.chain)) if hand.is_new_chain else move
    now_ms = hand.hold.now_ms()
    recorded = enumerate((*passed, *turn.passed), start=after + 1)
    return replace(move, uncalled=tuple(uncalled_json(hand.record.id, n, one, now_ms) for n, one in recorded))


def line_of(fault: Fault, move: Move) -> str:
    """Return the report's line for what `fall_back` returned."""
    return f"{fault} -> {move.extra['queue']}" if move.kind == "requeue" else f"failed {fault}"
