"""A worker's hands on the journal, script by script: a claim, an attempt, an end."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from providers.faults import Fault, Outcome, ruling
from providers.protocol import AttemptResult, Origin, OriginType
from tasks import moves
from tasks.attempt_json import attempt_id, attempt_json
from tasks.journal import Begun, Claimed, Journal, Waits
from tasks.moves import Move
from tests.support.flow import twilio
from tests.support.journal import TextRedis, enqueue
from trunkline_client import keys
from trunkline_client.words import JobState

REFUSED: Final = AttemptResult(outcome=Outcome.REFUSED, ruling=ruling(Fault.AUTH), code="20003")
UNKNOWN: Final = AttemptResult(outcome=Outcome.UNKNOWN, code="read_timeout")
CHAIN: Final = ("acme-twilio", "acme-syniverse")


async def claim(redis: TextRedis, journal: Journal, owner: str = "worker:a") -> Claimed:
    """Return job-1 claimed, wherever its last nudge is."""
    claimed = await journal.claim("job-1", await redis.hget(keys.job("job-1"), "hop"), owner)
    assert isinstance(claimed, Claimed)
    return claimed


async def in_hand(redis: TextRedis, journal: Journal) -> Claimed:
    """Return a new job-1 claimed."""
    await enqueue(redis)
    return await claim(redis, journal)


async def begin(journal: Journal, claimed: Claimed, number: int = 1) -> Begun | Waits:
    """Begin an attempt over Twilio account AC00000000000000000000000000000000."""
    attempt = attempt_json("job-1", number, twilio(), Origin(OriginType.NUMBER, "+12015550100"), claimed.now_ms)
    return await journal.begin_attempt(claimed, number, attempt, chain=CHAIN, least_life_ms=5_000, twins="tl:calling:x")


def sent(number: int = 1, provider_id: str = "SM1") -> Move:
    """Return the end of a job whose attempt was accepted."""
    accepted = AttemptResult(outcome=Outcome.ACCEPTED, provider_id=provider_id)
    return moves.sent(
        sender="acme-twilio",
        provider="twilio",
        account=twilio().account_name,
        provider_id=provider_id,
        attempt_id=attempt_id("job-1", number),
        keep_content=False,
    ).ending(number, accepted, 5)


async def end(journal: Journal, claimed: Claimed, move: Move) -> JobState | None:
    """Carry out a move as a worker does that seals what stays."""
    return await journal.finish(claimed, move, sealed_content=None if move.state is JobState.SENT else "f1:x")


async def held_unknown(redis: TextRedis, journal: Journal) -> Claimed:
    """Return the first claim of a job-1 that is held, since nobody knows how its attempt ended."""
    first = await in_hand(redis, journal)
    await begin(journal, first)
    unknown = moves.look_up_later(timedelta(0), moves.unknown_fields(1, 5)).ending(1, UNKNOWN, 5)
    await end(journal, first, unknown)
    await journal.move_due(10)
    await end(journal, await claim(redis, journal, "worker:b"), moves.held())
    return first


async def failed(redis: TextRedis, journal: Journal, result: AttemptResult = REFUSED) -> Claimed:
    """Return the claim of a job-1 that failed after one attempt."""
    claimed = await in_hand(redis, journal)
    await begin(journal, claimed)
    await end(journal, claimed, moves.failed(result.fault or Fault.UNAVAILABLE).ending(1, result, 5))
    return claimed
