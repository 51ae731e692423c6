"""One attempt: recorded, called, and judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from providers.faults import Fault, Outcome, Ruling
from providers.protocol import Account, AttemptResult, LeaseLost, Origin
from senders.model import Sender
from senders.pacing import Gate, gates_of
from tasks import moves
from tasks.attempt_json import attempt_id, attempt_json
from tasks.attempt_log import log_attempt
from tasks.calling import call
from tasks.finishing import finish
from tasks.in_hand import InHand
from tasks.journal import Begun, Waits
from tasks.limiting import refuse
from tasks.next_step import NextStep, Step, after_attempt
from tasks.report import ELSEWHERE, STOPPING, Report, waiting
from tasks.services import Services
from tasks.situation import Progress, situation
from tasks.twins import twins_of
from trunkline_client.words import Channel

#: An SMS with less life than this is not worth the provider's while: validity periods begin at 5 s.
_LEAST_LIFE_MS: Final = {Channel.SMS: 5_000, Channel.VOICE: 1_000}
#: A send stopped by the lease check: nothing left us, and the job is somebody else's now.
LEASE_LOST: Final = "lease_lost"
_UNSENT: Final = AttemptResult(outcome=Outcome.REFUSED, ruling=Ruling(Fault.UNAVAILABLE, retry=True), code=LEASE_LOST)


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt that was made: its number, how it ended, and what comes next."""

    number: int
    result: AttemptResult
    next_step: NextStep


async def choose_for(services: Services, hand: InHand, sender: Sender, tried: frozenset[str]) -> Origin | None:
    """Return what `sender` would send this job from, without the originators in `tried`; None if nothing is left."""
    job = hand.job
    shortlist = await services.configurations.shortlist(hand.config, sender, job.channel)
    return shortlist.first(to=job.to, country=hand.country, sender_id=job.sender_id, exclude=tried)


async def _has_other(services: Services, hand: InHand, sender: Sender, tried: frozenset[str]) -> bool:
    job = hand.job
    shortlist = await services.configurations.shortlist(hand.config, sender, job.channel)
    return shortlist.has_any(to=job.to, country=hand.country, sender_id=job.sender_id, exclude=tried)


async def attempt(
    services: Services, hand: InHand, sender: Sender, account: Account, origin: Origin, number: int, progress: Progress
) -> Ended | Report:
    """Make attempt `number` from `origin`; a `Report` if the job waits, or was lost or ended before."""
    # asked before the call: nothing may stand between an answer and its record
    has_other = await _has_other(services, hand, sender, progress.tried | {origin.value})
    if services.leases.is_closed:
        return STOPPING
    begun = await _begin(services, hand, sender, origin, number)
    if isinstance(begun, Waits):
        return waiting(begun.gate)
    if begun is Begun.EXPIRED:
        return await finish(services, hand, moves.expired(), "expired")
    if begun is Begun.LOST:
        return ELSEWHERE
    if begun.refused_by is not None:
        return await refuse(services, hand, begun.refused_by)
    started = services.monotonic()
    try:
        with services.calls, services.tracer.attempt(number, sender) as span:
            result = await call(services, hand, account, origin, attempt_id(hand.record.id, number))
            span.ended(error=result.fault or result.code, outcome=result.outcome, fault=result.fault, code=result.code)
    except LeaseLost:
        # If Redis still grants the lease, the job goes back to its queue at once instead of waiting for the sweeper.
        move = moves.give_back(hand.record.queue).ending(number, _UNSENT, hand.hold.now_ms())
        return await finish(services, hand, move, "given back")
    duration_s = services.monotonic() - started
    next_step = after_attempt(result, situation(services, hand, progress, has_other_number=has_other))
    log_attempt(hand, sender, number, result, next_step, duration_s=duration_s)
    _measure(services, hand.job.channel, sender, result, next_step, duration_s)
    return Ended(number, result, next_step)


def _measure(
    services: Services, channel: Channel, sender: Sender, result: AttemptResult, next_step: NextStep, duration_s: float
) -> None:
    provider = sender.kind.provider
    services.measures.attempt_ended(provider, channel, result, duration_s)
    if next_step.step is Step.RETRY_LATER:
        services.measures.told_to_wait(provider, channel, next_step.delay.total_seconds())


async def _begin(services: Services, hand: InHand, sender: Sender, origin: Origin, number: int) -> Begun | Waits:
    return await services.journal.begin_attempt(
        hand.claimed,
        number,
        attempt_json(hand.record.id, number, sender, origin, hand.hold.now_ms()),
        chain=hand.chain if hand.is_new_chain else (),
        least_life_ms=_LEAST_LIFE_MS[hand.job.channel],
        twins=twins_of(hand.job, sender.account_name, services.digester),
        limits=hand.limits,
        country=hand.country,
        gates=await _gates(services, hand, sender, origin),
        ahead_ms=round(services.settings.pacing.ahead_s[hand.record.lane] * 1000),
    )


async def _gates(services: Services, hand: InHand, sender: Sender, origin: Origin) -> tuple[Gate, ...]:
    shortlist = await services.configurations.shortlist(hand.config, sender, hand.job.channel)
    return gates_of(
        services.settings.pacing,
        tenant=hand.record.tenant,
        sender=sender,
        origin=origin,
        number=shortlist.number(origin.value),
        channel=hand.job.channel,
        body=hand.job.body,
    )
