"""One pass at the sender whose turn it is: choose a number, record the attempt, call, and decide what comes next."""

from __future__ import annotations

from dataclasses import dataclass

from providers.faults import Fault, Outcome
from providers.protocol import AttemptResult, LeaseLost, Origin
from senders.choice import Choice
from senders.model import Sender
from senders.selection import choose
from tasks import moves
from tasks.attempt_log import log_attempt
from tasks.calling import call
from tasks.finishing import finish
from tasks.in_hand import InHand
from tasks.journal import NotBegun
from tasks.next_step import NextStep, Step, after_attempt
from tasks.passing import fall_back, next_turn
from tasks.report import Report
from tasks.services import Services
from tasks.situation import Progress, situation
from trunkline_client.words import Channel, JobState

#: An SMS with less life than this is not worth the provider's while: validity periods begin at 5 s.
_LEAST_LIFE_MS = {Channel.SMS: 5_000, Channel.VOICE: 1_000}


@dataclass(frozen=True, slots=True)
class _Ended:
    """An attempt that was made: its number, how it ended, and what comes next."""

    number: int
    result: AttemptResult
    next_step: NextStep


async def originate(services: Services, hand: InHand) -> Report:
    """Try the present sender of the chain until it takes the message, refuses it, or must be asked again later."""
    attempts = len(hand.record.attempts)
    turn = next_turn(hand, hand.record.step)
    if turn.sender is None or turn.step != hand.record.step:
        move, line = fall_back(hand, Fault.NO_NUMBER, step=hand.record.step, after=attempts)
        return await finish(services, hand, move, line)
    sender = turn.sender
    progress = Progress.of(hand, sender)
    while True:
        choice = _choose(hand, sender, progress.tried)
        if choice.origin is None:
            return await _no_number(services, hand, sender, progress, attempts)
        attempts += 1
        ended = await _attempt(services, hand, sender, choice.origin, attempts, progress)
        if isinstance(ended, Report):
            return ended
        progress = progress.plus(choice.origin.value, ended.result)
        step = ended.next_step.step
        if step not in {Step.ANOTHER_NUMBER, Step.RETRY_NOW}:
            return await _conclude(services, hand, sender, ended)
        stay = moves.ending(moves.stay(), ended.number, ended.result, hand.hold.now_ms())
        report = await finish(services, hand, stay, str(step))
        if report.state is None:
            return report


def _choose(hand: InHand, sender: Sender, tried: frozenset[str]) -> Choice:
    job = hand.job
    return choose(sender, channel=job.channel, to=job.to, country=hand.country, sender_id=job.sender_id, exclude=tried)


async def _no_number(services: Services, hand: InHand, sender: Sender, progress: Progress, attempts: int) -> Report:
    """Leave a sender that has nothing (more) to send from; without any attempt that is recorded as `no_number`."""
    fault = progress.last_fault or Fault.NO_NUMBER
    passed = () if progress.tried else (moves.Uncalled(sender.key, sender.kind.provider, sender.account_name, None),)
    move, line = fall_back(hand, fault, step=hand.record.step + 1, after=attempts, passed=passed)
    return await finish(services, hand, move, line)


async def _attempt(
    services: Services, hand: InHand, sender: Sender, origin: Origin, number: int, progress: Progress
) -> _Ended | Report:
    """Record the attempt, make the call and judge it; a `Report` if the job was lost or expired before the call."""
    # Opened before the attempt is recorded: credentials this worker cannot read must not leave an open attempt behind.
    account = services.configurations.account(hand.config, sender)
    attempt = moves.attempt_json(
        hand.record.id,
        number,
        sender=sender.key,
        provider=sender.kind.provider,
        account=sender.account_name,
        origin=(origin.type.value, origin.value),
        started_ms=hand.hold.now_ms(),
    )
    begun = await services.journal.begin_attempt(
        hand.claimed,
        number,
        attempt,
        chain=hand.chain if hand.is_new_chain else (),
        least_life_ms=_LEAST_LIFE_MS[hand.job.channel],
    )
    if isinstance(begun, NotBegun):
        if begun.expired:
            await services.journal.seal(hand.record.id, services.seal(hand.record))
            return Report("expired", JobState.EXPIRED)
        return Report("left elsewhere")
    started = services.monotonic()
    try:
        result = await call(services, hand, account, origin, f"{hand.record.id}.a{number}")
    except LeaseLost:
        unsent = AttemptResult(outcome=Outcome.REFUSED, ruling=moves.LEASE_LOST, code="lease_lost")
        return await finish(
            services, hand, moves.ending(moves.stay(), number, unsent, hand.hold.now_ms()), "left elsewhere"
        )
    duration_s = services.monotonic() - started
    has_other = _choose(hand, sender, progress.tried | {origin.value}).origin is not None
    next_step = after_attempt(result, situation(services, hand, progress, has_other_number=has_other))
    log_attempt(hand, sender, number, result, next_step, duration_s=duration_s)
    return _Ended(number, result, next_step)


async def _conclude(services: Services, hand: InHand, sender: Sender, ended: _Ended) -> Report:
    """Carry out the step that ends this pass."""
    now_ms, result, next_step = hand.hold.now_ms(), ended.result, ended.next_step
    fault = next_step.fault or Fault.UNAVAILABLE
    match next_step.step:
        case Step.DONE:
            move = moves.sent(
                sender=sender.key,
                provider=sender.kind.provider,
                account=sender.account_name,
                provider_id=result.provider_id or "",
                attempt_id=f"{hand.record.id}.a{ended.number}",
                keep_content=services.settings.keep_content,
            )
            line = f"sent {sender.key}"
        case Step.RETRY_LATER:
            since = hand.record.throttled_ms or now_ms
            move = moves.retry_later(next_step.delay, throttled_ms=since, retries=hand.record.retries + 1)
            line = f"{fault}, again in {next_step.delay.total_seconds():.1f} s"
        case Step.LOOK_UP:
            move = moves.look_up_later(next_step.delay, moves.unknown_fields(ended.number, now_ms))
            line = f"unknown ({result.code}), lookup in {next_step.delay.total_seconds():.0f} s"
        case Step.STOP:
            move, line = moves.failed(fault), f"failed {fault}"
        case _:
            move, line = fall_back(
                hand, fault, step=hand.record.step + 1, after=ended.number, maybe_twice=next_step.maybe_twice
            )
    return await finish(services, hand, moves.ending(move, ended.number, result, now_ms), line)
