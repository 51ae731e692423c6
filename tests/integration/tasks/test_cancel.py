"""Cancelling: whatever nothing was sent of is called back, and the worker that had it in hand sends nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from providers.faults import Fault
from senders.model import TenantConfig
from tasks import moves
from tasks.journal import Begun, Claimed, Journal
from tasks.moves import Move
from tests.support.flow import StaticConfigurations, config, worker
from tests.support.hands import fallback
from tests.support.in_hand import REFUSED, begin, end, held_unknown, in_hand
from tests.support.journal import TextRedis, cancel, enqueue, snapshot
from trunkline_client import keys

pytestmark = pytest.mark.integration

CANCELLED = ("cancelled", "cancelled")


async def test_a_claimed_job_without_an_attempt_is_cancelled_and_none_can_begin(
    redis: TextRedis, journal: Journal
) -> None:
    claimed = await in_hand(redis, journal)

    assert await cancel(redis) == CANCELLED
    before = await snapshot(redis)
    assert await begin(journal, claimed) is Begun.LOST
    assert await journal.renew([claimed]) == [claimed]
    assert (await journal.sweep(10, 0)).total == 0
    assert await snapshot(redis) == before


@pytest.mark.parametrize("move", [moves.failed(Fault.NO_CHAIN), fallback(), moves.held(), moves.expired()])
async def test_a_worker_cannot_move_a_job_that_was_cancelled_in_its_hands(
    redis: TextRedis, journal: Journal, move: Move
) -> None:
    claimed = await in_hand(redis, journal)
    await cancel(redis)
    before = await snapshot(redis)

    assert await end(journal, claimed, move) is None
    assert await snapshot(redis) == before


async def test_a_claim_whose_answer_was_lost_finds_its_job_cancelled(redis: TextRedis, journal: Journal) -> None:
    claimed = await in_hand(redis, journal)
    await cancel(redis)

    assert not isinstance(await journal.claim("job-1", "1", claimed.owner), Claimed)


async def test_an_open_attempt_is_too_late_to_cancel(redis: TextRedis, journal: Journal) -> None:
    await begin(journal, await in_hand(redis, journal))

    assert await cancel(redis) == ("too_late", "dispatching")


async def test_between_two_refused_attempts_a_job_is_cancelled_and_no_second_one_begins(
    redis: TextRedis, journal: Journal
) -> None:
    claimed = await in_hand(redis, journal)
    await begin(journal, claimed)
    await end(journal, claimed, moves.stay().ending(1, REFUSED, 5))

    assert await cancel(redis) == CANCELLED
    assert await begin(journal, claimed, 2) is Begun.LOST


async def test_a_job_held_before_any_call_can_be_cancelled(redis: TextRedis, journal: Journal) -> None:
    await end(journal, await in_hand(redis, journal), moves.held())

    assert await cancel(redis) == CANCELLED
    assert await redis.zcard(keys.HELD) == 0


async def test_a_job_held_for_an_attempt_nobody_knows_of_is_too_late_to_cancel(
    redis: TextRedis, journal: Journal
) -> None:
    await held_unknown(redis, journal)

    assert await cancel(redis) == ("too_late", "held")


class Cancelling(StaticConfigurations):
    """Configurations whose tenant cancels the job while a worker reads them, after its claim."""

    redis: TextRedis = None

    async def get(self, tenant: str, version: int) -> TenantConfig | None:
        await cancel(self.redis)
        return self.config


@pytest.mark.parametrize("tenant", [config(), None], ids=["before an attempt", "before its end"])
async def test_a_job_cancelled_in_the_middle_of_a_pass_is_not_sent(
    redis: TextRedis, tenant: TenantConfig | None
) -> None:
    one = worker(redis, tenant)
    configurations = Cancelling(tenant)
    configurations.redis = redis
    one.services = replace(one.services, configurations=configurations)
    await enqueue(redis)

    lines = [report.line for report in await one.serve()]

    assert (lines, one.twilio.sent, one.syniverse.sent) == (["left elsewhere"], [], [])
    assert (await one.status())["state"] == "cancelled"
