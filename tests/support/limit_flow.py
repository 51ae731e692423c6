"""Serves jobs with limits one after the other, as tests of quotas and cooldowns need it."""

from __future__ import annotations

from typing import Any

from senders.model import Cooldown, CooldownKey, CountryLimit, Policy, Quota, QuotaScope
from tests.support.flow import config, worker
from tests.support.journal import TextRedis, enqueue, now_ms
from tests.support.limits import (
    SMS_COOLDOWN,
    WEEK_MS,
)
from trunkline_client import keys
from trunkline_client.private import Recipient

#: every limit at once, none of them tight.
ALL_LIMITS = Policy(
    "default",
    quotas=(Quota(QuotaScope.USER, total=5), Quota(QuotaScope.TENANT, used=5, unused=5)),
    cooldown=Cooldown(CooldownKey.ADDRESS, SMS_COOLDOWN, SMS_COOLDOWN),
)
TO = Recipient("+12015550123")
NOWHERE = CountryLimit(allow=frozenset({"GB"}))


async def outcomes(redis: TextRedis, policy: Policy, *jobs: dict[str, Any]) -> list[str]:
    """Return how jobs end that are enqueued and served one after the other: `sent`, or the rule that refused them."""
    one = worker(redis, config(policy=policy))
    ends = []
    for number, job in enumerate(jobs, start=1):
        await enqueue(redis, f"job-{number}", **job)
        await as_enqueued_then(redis, f"job-{number}")
        await one.serve()
        status = await one.status(f"job-{number}")
        ends.append(status["rule"] or status["state"])
    return ends


async def as_enqueued_then(redis: TextRedis, job_id: str = "job-1") -> None:
    """Let a job that was to be sent earlier have been enqueued then."""
    record = keys.job(job_id)
    due_ms, created_ms = await redis.hmget(record, "due_ms", "created_ms")
    await redis.hset(record, "created_ms", min(int(due_ms), int(created_ms)))


async def ago(redis: TextRedis, *ages_ms: int) -> list[dict[str, Any]]:
    """Return jobs that were to be sent so long ago and may live for a week."""
    now = await now_ms(redis)
    return [{"send_at_ms": now - age_ms, "ttl_ms": WEEK_MS} for age_ms in ages_ms]
