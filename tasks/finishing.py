"""Carries out the move that ends a pass, sealing the content of a job that lives on."""

from __future__ import annotations

from providers.faults import Fault
from tasks.in_hand import InHand
from tasks.journal import Claimed
from tasks.moves import Move
from tasks.report import Report
from tasks.services import Services
from trunkline_client.words import JobState


async def finish(services: Services, hand: InHand, move: Move, line: str) -> Report:
    """Carry out `move` and return the report of this pass."""
    return await finish_claim(services, hand.claimed, move, line)


async def finish_claim(services: Services, claimed: Claimed, move: Move, line: str) -> Report:
    """Carry out `move` for a claim, whose job need not be readable; what stays in the journal is sealed."""
    sealed = None
    if move.state is not JobState.SENT and claimed.record.content.startswith("plain:"):
        sealed = services.seal(claimed.record)
    state = await services.journal.finish(claimed, move, sealed_content=sealed)
    if state is None:
        return Report("left elsewhere")
    fault = Fault(move.details["fields"]["fault"]) if state is JobState.FAILED else None
    return Report(line, state, fault)
