"""Cooldown and quotas of a job: what counts it where no attempt does, and how a refusal ends it."""

from __future__ import annotations

from senders.policy import Rule
from tasks import moves
from tasks.finishing import finish
from tasks.in_hand import InHand
from tasks.journal import Counted
from tasks.report import ELSEWHERE, Report
from tasks.services import Services


async def count(services: Services, hand: InHand) -> Report | None:
    """Count a job that leaves its pass without an attempt; a `Report` if a limit refused it or it was lost.

    With its first attempt a job is counted by `begin_attempt`, which saves a round trip. A job past its limits costs
    nothing.
    """
    if not hand.limits:
        return None
    counted = await services.journal.count(hand.claimed, hand.limits)
    if counted is Counted.LOST:
        return ELSEWHERE
    if counted.refused_by is None:
        return None
    return await refuse(services, hand, counted.refused_by)


async def refuse(services: Services, hand: InHand, rule: Rule) -> Report:
    """End a job that its policy refuses."""
    return await finish(services, hand, moves.rejected(rule.value), f"rejected {rule}")
