"""The one wide event of every attempt, with stable keys and nothing private."""

from __future__ import annotations

import structlog

from providers.protocol import AttemptResult
from senders.model import Sender
from tasks.in_hand import InHand
from tasks.next_step import NextStep, Step

_log = structlog.get_logger("trunkline.attempt")


def log_attempt(
    hand: InHand, sender: Sender, number: int, result: AttemptResult, next_step: NextStep, *, duration_s: float
) -> None:
    """Write `attempt.finished`; tenant and job are bound by the caller's context.

    Args:
        number: the attempt's number within the job.
        duration_s: how long the provider call took, in seconds.
    """
    record = hand.record
    _log.info(
        "attempt.finished",
        attempt=number,
        channel=hand.job.channel.value,
        lane=record.lane.value,
        sender=sender.key,
        provider=sender.kind.provider,
        country=hand.country,
        outcome=result.outcome.value,
        fault=result.fault.value if result.fault else None,
        code=result.code,
        http_status=result.http_status,
        request_id=result.request_id,
        not_honoured=list(result.not_honoured) or None,
        next=next_step.step.value,
        retry_in_s=round(next_step.delay.total_seconds(), 3) if next_step.step is Step.RETRY_LATER else None,
        duration_ms=round(duration_s * 1000, 1),
        queue_wait_ms=hand.claimed.queue_wait_ms,
        age_ms=hand.hold.now_ms() - record.created_ms,
    )
