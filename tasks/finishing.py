"""Carries out the move that ends a pass: content that stays is sealed, and an outage of Redis is waited out."""

from __future__ import annotations

from typing import Final

import structlog
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ReadOnlyError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tasks.in_hand import InHand
from tasks.journal import Claimed
from tasks.moves import Move
from tasks.report import ELSEWHERE, Report
from tasks.services import Services
from trunkline_client.record import CLEAR_CONTENT
from trunkline_client.words import JobState

#: What a provider said must not be lost because Redis restarts: without this a refusal known during an outage of 5 s
#: cost the job 26 s of lookups. The script takes late evidence, so it is safe whoever has the job by then.
_OUTAGE_S: Final = 30.0
_PAUSE_S: Final = 0.5
#: no answer, or that of a server which takes no writes for the moment
_OUTAGE: Final = (RedisConnectionError, RedisTimeoutError, ReadOnlyError, OutOfMemoryError)

_log = structlog.get_logger("trunkline.dispatch")


async def finish(services: Services, hand: InHand, move: Move, line: str) -> Report:
    """Carry out `move` and return the report of this pass."""
    if hand.is_new_chain and hand.country and move.attempt == 0:
        move = move.with_fields(country=hand.country)  # else the record of the first attempt has brought it
    record = hand.record
    if move.kind == "delay" and record.first_due_ms is None:
        # The wait overwrites when the job was to be sent.
        move = move.with_fields(first_due_ms=record.due_ms)
    report = await finish_claim(services, hand.claimed, move, line)
    if report.state is JobState.SENT:
        _measure_sent(services, hand, str(move.fields["provider"]))
    return report


def _measure_sent(services: Services, hand: InHand, provider: str) -> None:
    record = hand.record
    wanted_ms = record.wanted_ms
    services.measures.job_sent(
        record.tenant,
        record.lane,
        provider,
        by_fallback=record.step > 0,
        since_wanted_s=None if wanted_ms is None else (hand.hold.now_ms() - wanted_ms) / 1000,
    )


async def finish_claim(services: Services, claimed: Claimed, move: Move, line: str) -> Report:
    """Carry out `move` for a claim, whose job need not be readable."""
    state = await _carry_out(services, claimed, move, _sealed(services, claimed, move))
    if state is None:
        return ELSEWHERE
    if state.is_finished or state is JobState.HELD:
        services.measures.job_ended(state, move.rule, move.fault)
        _log.info(
            "job.ended",
            state=state.value,
            rule=move.rule,
            fault=move.fault.value if move.fault else None,
            sender=move.fields.get("sender"),
            attempts=max(len(claimed.record.attempts), move.attempt) + len(move.uncalled),
        )
    return Report(line, state, move.fault)


def _sealed(services: Services, claimed: Claimed, move: Move) -> str | None:
    """Return the sealed content to store, None if it is sealed already or will be erased with this move."""
    is_erased = move.state is JobState.REJECTED or (move.state is JobState.SENT and not services.settings.keep_content)
    if is_erased or not claimed.record.content.startswith(CLEAR_CONTENT):
        return None
    return services.seal(claimed.record)


async def _carry_out(services: Services, claimed: Claimed, move: Move, sealed: str | None) -> JobState | None:
    give_up_at = services.monotonic() + _OUTAGE_S
    is_told = False
    while True:
        try:
            return await services.journal.finish(claimed, move, sealed_content=sealed)
        except _OUTAGE as error:
            if services.monotonic() >= give_up_at:
                raise
            if not is_told:
                _log.warning("finish.waiting", error=type(error).__name__)
            is_told = True
            await services.sleep(_PAUSE_S)
