"""One pass at the sender whose turn it is: attempts until it takes the message, refuses it, or says later."""

from __future__ import annotations

import structlog

from providers.faults import Fault
from providers.protocol import Account
from senders.model import Sender
from senders.secrets import SecretUnreadable
from tasks import moves
from tasks.attempt_json import Uncalled, attempt_id
from tasks.attempting import Ended, attempt, choose_for
from tasks.finishing import finish
from tasks.in_hand import InHand
from tasks.limiting import count
from tasks.moves import Move
from tasks.next_step import Step
from tasks.passing import fall_back, line_of, next_turn
from tasks.report import Report
from tasks.services import Services
from tasks.situation import Progress

_log = structlog.get_logger("trunkline.originate")


async def originate(services: Services, hand: InHand) -> Report:
    """Try the present sender of the chain, and carry out what its answer means."""
    attempts = len(hand.record.attempts)
    turn = next_turn(hand, hand.record.step)
    if turn.sender is None or turn.step != hand.record.step:
        fault = Fault.NO_NUMBER if hand.chain else Fault.NO_CHAIN
        return await _leave(services, hand, fault, step=hand.record.step, after=attempts)
    sender = turn.sender
    try:
        account = services.configurations.account(hand.config, sender)
    except SecretUnreadable as error:
        # Found before any attempt is recorded: the job goes on, and the log says what to mend.
        _log.error("sender.unreadable", sender=sender.key, error=str(error))
        passed = Uncalled.of(sender, "secret_unreadable")
        return await _leave(services, hand, Fault.AUTH, step=hand.record.step + 1, after=attempts, passed=passed)
    return await _try_numbers(services, hand, sender, account)


async def _try_numbers(services: Services, hand: InHand, sender: Sender, account: Account) -> Report:
    attempts = len(hand.record.attempts)
    progress = Progress.of(hand, sender)
    while True:
        origin = await choose_for(services, hand, sender, progress.tried)
        if origin is None:
            # Without any attempt that is recorded as `no_number`; else the last refusal stands.
            fault = progress.last_fault or Fault.NO_NUMBER
            passed = None if progress.tried else Uncalled.of(sender)
            return await _leave(services, hand, fault, step=hand.record.step + 1, after=attempts, passed=passed)
        attempts += 1
        ended = await attempt(services, hand, sender, account, origin, attempts, progress)
        if isinstance(ended, Report):
            return ended
        progress = progress.plus(origin.value, ended.result)
        if ended.next_step.step not in {Step.ANOTHER_NUMBER, Step.RETRY_NOW}:
            return await _conclude(services, hand, sender, ended)
        stay = moves.stay().ending(ended.number, ended.result, hand.hold.now_ms())
        report = await finish(services, hand, stay, ended.next_step.step.value)
        if report.state is None:
            return report


async def _leave(
    services: Services, hand: InHand, fault: Fault, *, step: int, after: int, passed: Uncalled | None = None
) -> Report:
    """Go to the next sender, or end the job, without a call; limits come first, if no attempt has passed them."""
    if after == 0:
        refused = await count(services, hand)
        if refused is not None:
            return refused
    move = fall_back(hand, fault, step=step, after=after, passed=(passed,) if passed else ())
    return await finish(services, hand, move, line_of(fault, move))


async def _conclude(services: Services, hand: InHand, sender: Sender, ended: Ended) -> Report:
    """Carry out the step that ends this pass."""
    now_ms = hand.hold.now_ms()
    move, line = _move_of(services, hand, sender, ended, now_ms)
    return await finish(services, hand, move.ending(ended.number, ended.result, now_ms), line)


def _move_of(services: Services, hand: InHand, sender: Sender, ended: Ended, now_ms: int) -> tuple[Move, str]:
    """Return the move that the next step means, and the line that reports it."""
    next_step, result, record = ended.next_step, ended.result, hand.record
    fault, delay_s = next_step.fault or Fault.UNAVAILABLE, next_step.delay.total_seconds()
    match next_step.step:
        case Step.DONE:
            accepted = moves.sent(
                sender=sender.key,
                provider=sender.kind.provider,
                account=sender.account_name,
                provider_id=result.provider_id or "",
                attempt_id=attempt_id(record.id, ended.number),
                keep_content=services.settings.keep_content,
            )
            return accepted, f"sent {sender.key}"
        case Step.RETRY_LATER:
            since = record.throttled_ms or now_ms
            later = moves.retry_later(next_step.delay, throttled_ms=since, retries=record.retries + 1)
            return later, f"{fault}, again in {delay_s:.1f} s"
        case Step.LOOK_UP:
            asked = moves.look_up_later(next_step.delay, moves.unknown_fields(ended.number, now_ms))
            return asked, f"unknown ({result.code}), lookup in {delay_s:.0f} s"
        case Step.STOP:
            return moves.failed(fault), f"failed {fault}"
        case _:
            next_sender = fall_back(
                hand, fault, step=record.step + 1, after=ended.number, maybe_twice=next_step.maybe_twice
            )
            return next_sender, line_of(fault, next_sender)
