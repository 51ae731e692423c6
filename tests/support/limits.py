"""Quotas and cooldowns to test with, and what Redis holds of them."""

from __future__ import annotations

import json
from typing import Any

from senders.limits import Digester
from senders.model import ChannelCooldown, Cooldown, CooldownKey, Policy, Quota, QuotaScope
from tests.support.journal import TextRedis, now_ms
from trunkline_client import keys
from trunkline_client.private import Private

DIGESTER = Digester(Private("a key for tests"))

SECOND, MINUTE, DAY = 1000, 60_000, 86_400_000
WEEK_MS = 7 * DAY

SMS_COOLDOWN = ChannelCooldown((45, 120, 300), 3)


def per_user(total: int) -> Policy:
    """Return a default policy with a total for each user."""
    return Policy("default", quotas=(Quota(QuotaScope.USER, total=total),))


def per_tenant(total: int) -> Policy:
    """Return a default policy with a total for the tenant."""
    return Policy("default", quotas=(Quota(QuotaScope.TENANT, total=total),))


def used_and_unused(used: int, unused: int) -> Policy:
    """Return a default policy with a quota of used and unused messages for each user."""
    return Policy("default", quotas=(Quota(QuotaScope.USER, used=used, unused=unused),))


def cooling(by: CooldownKey = CooldownKey.ADDRESS, sms: ChannelCooldown | None = SMS_COOLDOWN) -> Policy:
    """Return a default policy with a cooldown of SMS."""
    return Policy("default", cooldown=Cooldown(by, sms, None))


async def counters(redis: TextRedis, pattern: str = "tl:quota:*") -> dict[str, int]:
    """Return the sums of all quota counters by the last part of their field, those at nothing left out."""
    sums: dict[str, int] = {}
    for key in await redis.keys(pattern):
        for field, value in (await redis.hgetall(key)).items():
            if field != "reset" and int(value):
                name = field.rpartition(":")[2]
                sums[name] = sums.get(name, 0) + int(value)
    return sums


async def cooling_ids(redis: TextRedis) -> set[str]:
    """Return the ids in all cooldowns."""
    return {job_id for key in await redis.keys("tl:cooldown:*") for job_id in await redis.zrange(key, 0, -1)}


async def counted(redis: TextRedis, job_id: str = "job-1") -> dict[str, Any] | None:
    """Return what the record of a job says of its count, None if it was not counted."""
    raw = await redis.hget(keys.job(job_id), "counted")
    return json.loads(raw) if raw else None


async def midnight_ms(redis: TextRedis) -> int:
    """Return when the present day began in UTC, by the clock of Redis."""
    now = await now_ms(redis)
    return now - now % DAY
