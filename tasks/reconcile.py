"""Settles an attempt whose outcome nobody knows: asks the provider, and acts on what its answers add up to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog

from providers.faults import Fault, Outcome
from providers.protocol import AttemptResult, LookupAnswer, LookupRequest
from tasks import moves
from tasks.finishing import finish
from tasks.in_hand import InHand
from tasks.moves import Move
from tasks.next_step import Step, after_refusal
from tasks.originate import originate
from tasks.passing import fall_back
from tasks.patience import Verdict, after_lookup, asks, pause_before
from tasks.record import AttemptRecord
from tasks.report import Report
from tasks.services import Services
from trunkline_client.words import JobState, OnUnknown

#: The provider's clock may run this much behind ours.
_CLOCK_SKEW = timedelta(seconds=5)

_log = structlog.get_logger("trunkline.reconcile")


async def reconcile(services: Services, hand: InHand) -> Report:
    """Ask once about the job's unknown attempt, if it is time to, and move the job on by the answer."""
    record = hand.record
    attempt = record.attempts[(record.reconciling or 1) - 1]
    if attempt.outcome is Outcome.REFUSED:
        return await _after_late_refusal(services, hand, attempt)
    if not asks(hand.on_unknown):
        return await _go_on(services, hand, attempt, maybe_twice=True)
    elapsed = timedelta(milliseconds=hand.hold.now_ms() - record.unknown_ms)
    pause = pause_before(record.lane, lookups=record.lookups, elapsed=elapsed)
    if pause > timedelta(0) and record.lookups == 0:
        return await finish(services, hand, moves.look_up_later(pause, {}), "lookup later")
    answer = await _ask(services, hand, attempt)
    bound = await services.journal.bind(attempt.account, answer.candidates, attempt.id)
    _log.info(
        "attempt.looked_up",
        attempt=attempt.id,
        sender=attempt.sender,
        provider=attempt.provider,
        lookup=record.lookups + 1,
        good=answer.good,
        found=bound is not None,
    )
    if bound is not None:
        return await _found(services, hand, attempt, bound)
    return await _not_found(services, hand, attempt, answer, elapsed)


async def _ask(services: Services, hand: InHand, attempt: AttemptRecord) -> LookupAnswer:
    """Return the provider's answer; a sender whose credentials are gone can no longer be asked."""
    sender = hand.config.sender_of_attempt(attempt.sender, attempt.account)
    if sender is None or attempt.origin is None:
        return LookupAnswer(good=False, can_ask=False)
    account = services.configurations.account(hand.config, sender)
    started = datetime.fromtimestamp(attempt.started_ms / 1000, tz=UTC)
    return await services.provider(sender.kind).look_up(
        account,
        LookupRequest(
            attempt_id=attempt.id,
            channel=hand.job.channel,
            to=hand.job.to,
            body=hand.job.body,
            origin=attempt.origin,
            not_before=started - _CLOCK_SKEW,
            deadline_s=services.settings.lookup_deadline_s,
        ),
    )


async def _found(services: Services, hand: InHand, attempt: AttemptRecord, provider_id: str) -> Report:
    accepted = AttemptResult(outcome=Outcome.ACCEPTED, provider_id=provider_id)
    move = moves.sent(
        sender=attempt.sender,
        provider=attempt.provider,
        account=attempt.account,
        provider_id=provider_id,
        attempt_id=attempt.id,
        keep_content=services.settings.keep_content,
    )
    ending = moves.ending(move, attempt.number, accepted, hand.hold.now_ms())
    return await finish(services, hand, ending, f"sent {attempt.sender} (found)")


async def _not_found(
    services: Services, hand: InHand, attempt: AttemptRecord, answer: LookupAnswer, elapsed: timedelta
) -> Report:
    record = hand.record
    lookups, good = record.lookups + 1, record.good_lookups + answer.good
    if answer.can_ask:
        patience = after_lookup(record.lane, lookups=lookups, good_lookups=good, last_good=answer.good, elapsed=elapsed)
        if patience.verdict is Verdict.ASK_AGAIN:
            move = moves.look_up_later(patience.pause, {"lookups": lookups, "good_lookups": good})
            return await finish(
                services, hand, move, f"not found yet, lookup in {patience.pause.total_seconds():.0f} s"
            )
        if patience.verdict is Verdict.ABSENT:
            return await _absent(services, hand, attempt)
    return await _nobody_knows(services, hand, attempt)


async def _absent(services: Services, hand: InHand, attempt: AttemptRecord) -> Report:
    """The provider does not have it: after a worker's death the same sender is asked again, otherwise the next."""
    if hand.life_left() <= timedelta(0):
        return await finish(services, hand, moves.expired(maybe_sent=hand.record.maybe_twice), "expired")
    return await _go_on(services, hand, attempt, maybe_twice=False)


async def _nobody_knows(services: Services, hand: InHand, attempt: AttemptRecord) -> Report:
    if hand.life_left() <= timedelta(0):
        return await finish(services, hand, moves.expired(maybe_sent=True), "expired, may be sent")
    if hand.on_unknown is OnUnknown.HOLD:
        return await finish(services, hand, moves.held(), "held")
    return await _go_on(services, hand, attempt, maybe_twice=True)


async def _go_on(services: Services, hand: InHand, attempt: AttemptRecord, *, maybe_twice: bool) -> Report:
    if hand.record.worker_lost:
        return await _same_sender_again(services, hand, attempt, maybe_twice=maybe_twice)
    after = len(hand.record.attempts)
    move, line = fall_back(hand, Fault.UNAVAILABLE, step=hand.record.step + 1, after=after, maybe_twice=maybe_twice)
    return await finish(services, hand, move, line)


async def _after_late_refusal(services: Services, hand: InHand, attempt: AttemptRecord) -> Report:
    """The paused worker came back and told how its attempt ended after all: it was not sent."""
    fault = attempt.fault or Fault.UNAVAILABLE
    if attempt.code == "lease_lost":
        return await _same_sender_again(services, hand, attempt, maybe_twice=False)
    move: Move
    if after_refusal(fault, hand.policy.no_fallback).step is Step.STOP:
        move, line = moves.failed(fault), f"failed {fault}"
    else:
        move, line = fall_back(hand, fault, step=hand.record.step + 1, after=len(hand.record.attempts))
    return await finish(services, hand, move, line)


async def _same_sender_again(services: Services, hand: InHand, attempt: AttemptRecord, *, maybe_twice: bool) -> Report:
    again = moves.same_sender_again(maybe_twice=maybe_twice)
    report = await finish(services, hand, again, f"{attempt.sender} again")
    if report.state is not JobState.DISPATCHING:
        return report
    hand.hold.claimed = replace(
        hand.claimed, record=replace(hand.record, maybe_twice=hand.record.maybe_twice or maybe_twice, reconciling=None)
    )
    return await originate(services, hand)
