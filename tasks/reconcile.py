"""Settles an attempt whose outcome nobody knows: asks the provider, and acts on what its answers add up to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog

from providers.faults import Fault, Outcome
from providers.protocol import AttemptResult, LookupAnswer, LookupRequest
from senders.secrets import SecretUnreadable
from tasks import moves
from tasks.attempting import LEASE_LOST
from tasks.finishing import finish
from tasks.in_hand import InHand
from tasks.journal import Binding
from tasks.measures import LookupResult
from tasks.next_step import Step, after_refusal
from tasks.originate import originate
from tasks.passing import fall_back, line_of
from tasks.patience import Verdict, after_lookup, asks, pause_before, time_for_lookup
from tasks.record import AttemptRecord
from tasks.report import Report
from tasks.services import Services
from tasks.twins import twins_of
from trunkline_client.words import JobState, OnUnknown

#: The provider's clock may run this much behind ours.
_CLOCK_SKEW = timedelta(seconds=5)
#: As long as it is known which messages settled other attempts. Later, a resent identical text could be one of those.
_LATEST_LOOKUP_MS = moves.BOUND_KEEP_MS - 60_000
_CANNOT_ASK = LookupAnswer(good=False, can_ask=False)

_log = structlog.get_logger("trunkline.reconcile")


async def reconcile(services: Services, hand: InHand, number: int) -> Report:
    """Ask once about attempt `number`, if it is time to, and move the job on by the answer."""
    record, attempt = hand.record, hand.record.attempts[number - 1]
    if attempt.outcome is Outcome.REFUSED:
        return await _after_late_refusal(services, hand, attempt)
    if not asks(hand.on_unknown) and not _is_of_an_earlier_life(hand):
        return await _nobody_knows(services, hand)
    pause = pause_before(record.lane, lookups=record.lookups, elapsed=_elapsed(hand))
    if pause > timedelta(0) and record.lookups == 0:
        return await finish(services, hand, moves.look_up_later(pause, {}), "lookup later")
    answer = await _ask(services, hand, attempt)
    twins = "" if answer.names_attempt else twins_of(hand.job, attempt.account, services.digester)
    binding = await services.journal.bind(attempt.account, answer.candidates, attempt.id, twins=twins)
    _log.info(
        "attempt.looked_up",
        attempt=attempt.id,
        sender=attempt.sender,
        provider=attempt.provider,
        lookup=record.lookups + 1,
        good=answer.good,
        found=binding.provider_id is not None,
        contested=binding.is_contested,
    )
    services.measures.looked_up(attempt.provider, _result_of(answer, binding))
    if binding.provider_id is not None:
        return await _found(services, hand, attempt, binding.provider_id)
    if binding.is_contested:
        # Whose it is shows when the other call has ended; until then this says neither "found" nor "absent".
        answer = replace(answer, good=False)
    return await _not_found(services, hand, attempt, answer)


def _result_of(answer: LookupAnswer, binding: Binding) -> LookupResult:
    if binding.provider_id is not None:
        return LookupResult.FOUND
    if binding.is_contested:
        return LookupResult.CONTESTED
    if not answer.can_ask:
        return LookupResult.CANNOT_ASK
    return LookupResult.ABSENT if answer.good else LookupResult.UNCLEAR


def _elapsed(hand: InHand) -> timedelta:
    return timedelta(milliseconds=hand.hold.now_ms() - hand.record.unknown_ms)


async def _ask(services: Services, hand: InHand, attempt: AttemptRecord) -> LookupAnswer:
    """Return the provider's answer; after a day, or without the sender's credentials, it can no longer be asked."""
    if hand.hold.now_ms() - attempt.started_ms > _LATEST_LOOKUP_MS:
        return _CANNOT_ASK
    sender = hand.config.sender_of_attempt(attempt.sender, attempt.account)
    if sender is None or attempt.origin is None:
        return _CANNOT_ASK
    try:
        account = services.configurations.account(hand.config, sender)
    except SecretUnreadable as error:
        _log.error("sender.unreadable", sender=sender.key, error=str(error))
        return _CANNOT_ASK
    started = datetime.fromtimestamp(attempt.started_ms / 1000, tz=UTC)
    request = LookupRequest(
        attempt_id=attempt.id,
        channel=hand.job.channel,
        to=hand.job.to,
        body=hand.job.body,
        origin=attempt.origin,
        not_before=started - _CLOCK_SKEW,
        deadline_s=time_for_lookup(hand.record.lane, lookups=hand.record.lookups).total_seconds(),
    )
    with services.tracer.lookup(attempt, hand.record.lookups + 1) as span:
        with services.calls:
            answer = await services.provider(sender.kind).look_up(account, request)
        span.ended(error=None if answer.good else "no_good_answer", good=answer.good, found=bool(answer.candidates))
    return answer


async def _found(services: Services, hand: InHand, attempt: AttemptRecord, provider_id: str) -> Report:
    accepted = AttemptResult(outcome=Outcome.ACCEPTED, provider_id=provider_id)
    sent = moves.sent(
        sender=attempt.sender,
        provider=attempt.provider,
        account=attempt.account,
        provider_id=provider_id,
        attempt_id=attempt.id,
        keep_content=services.settings.keep_content,
    )
    # Of what else may have been sent in that life nobody has asked yet.
    move = sent.with_fields(maybe_twice="1") if _next_to_ask(hand) else sent
    ending = move.ending(attempt.number, accepted, hand.hold.now_ms())
    return await finish(services, hand, ending, f"sent {attempt.sender} (found)")


async def _not_found(services: Services, hand: InHand, attempt: AttemptRecord, answer: LookupAnswer) -> Report:
    if not answer.can_ask:
        return await _nobody_knows(services, hand)
    record = hand.record
    lookups, good = record.lookups + 1, record.good_lookups + answer.good
    patience = after_lookup(
        record.lane, lookups=lookups, good_lookups=good, last_good=answer.good, elapsed=_elapsed(hand)
    )
    match patience.verdict:
        case Verdict.ASK_AGAIN:
            move = moves.look_up_later(patience.pause, {"lookups": lookups, "good_lookups": good})
            return await finish(
                services, hand, move, f"not found yet, lookup in {patience.pause.total_seconds():.0f} s"
            )
        case Verdict.ABSENT:
            return await _absent(services, hand, attempt)
        case Verdict.NOBODY_KNOWS:
            return await _nobody_knows(services, hand)


async def _absent(services: Services, hand: InHand, attempt: AttemptRecord) -> Report:
    """The provider does not have it: after a worker's death the same sender is asked again, otherwise the next."""
    if _next_to_ask(hand):
        return await _go_on(services, hand)
    if hand.life_left() <= timedelta(0):
        return await _too_late(services, hand)
    if hand.record.worker_lost:
        return await _same_sender_again(services, hand, attempt)
    return await _next_sender(services, hand, Fault.UNAVAILABLE)


async def _nobody_knows(services: Services, hand: InHand) -> Report:
    if hand.life_left() <= timedelta(0) and not _next_to_ask(hand):
        return await _too_late(services, hand)
    if hand.on_unknown is OnUnknown.HOLD:
        return await finish(services, hand, moves.held(), "held")
    return await _next_sender(services, hand, Fault.UNAVAILABLE, maybe_twice=True)


async def _too_late(services: Services, hand: InHand) -> Report:
    """The life ended during the lookups: marked even after empty answers, since nobody will ask again."""
    return await finish(services, hand, moves.expired().with_fields(maybe_sent="1"), "expired, may be sent")


async def _after_late_refusal(services: Services, hand: InHand, attempt: AttemptRecord) -> Report:
    """The paused worker came back and told how its attempt ended after all: it was not sent."""
    if attempt.code == LEASE_LOST and not _is_of_an_earlier_life(hand):
        return await _same_sender_again(services, hand, attempt)
    fault = attempt.fault or Fault.UNAVAILABLE
    if after_refusal(fault, hand.policy.no_fallback).step is Step.STOP:
        return await finish(services, hand, moves.failed(fault), f"failed {fault}")
    return await _next_sender(services, hand, fault)


async def _next_sender(services: Services, hand: InHand, fault: Fault, *, maybe_twice: bool = False) -> Report:
    if _is_of_an_earlier_life(hand):
        return await _go_on(services, hand, maybe_twice=maybe_twice)
    after = len(hand.record.attempts)
    move = fall_back(hand, fault, step=hand.record.step + 1, after=after, maybe_twice=maybe_twice)
    return await finish(services, hand, move, line_of(fault, move))


def _is_of_an_earlier_life(hand: InHand) -> bool:
    """Whether a replay has to know about the attempt before it begins anew."""
    return (hand.record.reconciling or 0) < hand.record.first_attempt


def _next_to_ask(hand: InHand) -> int | None:
    """Return the number of the next attempt of an earlier life that may have been sent, None if there is none."""
    asked, first = hand.record.reconciling or 0, hand.record.first_attempt
    earlier = (one for one in hand.record.attempts if asked < one.number < first)
    return next((one.number for one in earlier if one.outcome is not Outcome.REFUSED), None)


async def _go_on(services: Services, hand: InHand, *, maybe_twice: bool = False) -> Report:
    """Ask about the next attempt of an earlier life, or begin the new life at the tenant's own account."""
    number = _next_to_ask(hand)
    if number is None:
        move, line = moves.begin_anew(hand.record.lane), "begins anew"
    else:
        unknown = moves.unknown_fields(number, hand.hold.now_ms())
        move, line = moves.look_up_later(timedelta(0), unknown), f"asks about attempt {number}"
    return await finish(services, hand, move.with_fields(maybe_twice="1") if maybe_twice else move, line)


async def _same_sender_again(services: Services, hand: InHand, attempt: AttemptRecord) -> Report:
    report = await finish(services, hand, moves.same_sender_again(), f"{attempt.sender} again")
    if report.state is not JobState.DISPATCHING:
        return report
    fresh = replace(hand.record, reconciling=None, throttled_ms=None, retries=0)
    hand.hold.claimed = replace(hand.claimed, record=fresh)
    return await originate(services, hand)
