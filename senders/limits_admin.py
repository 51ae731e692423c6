"""What an administrator does to counters: sets a user's quotas of the day back to nothing."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from redis.asyncio import Redis

from senders.audit import AuditAction, AuditEvent
from senders.audit_log import AuditLog
from senders.limits import Digester, user_quota_key
from trunkline_client.private import Private

_RESET: Final = (files("senders") / "scripts" / "reset_quota.lua").read_text("utf-8")


async def reset_quota(redis: Redis, digester: Digester, *, tenant: str, user: Private, actor: str, token: str) -> bool:
    """Clear a user's quota counters under all policies of a tenant; returns whether there were any.

    What was counted before is neither given back nor moved to `used` afterwards. Cooldown is not touched.

    Args:
        redis: a client whose answers are text.
        digester: names the counters.
        tenant: whose user it is.
        user: the user.
        actor: who resets it, for the audit, which names the user by the digest only.
        token: new for every call; the same token again changes nothing.
    """
    key = user_quota_key(tenant, user, digester)
    event = AuditEvent(actor=actor, action=AuditAction.QUOTA_RESET, tenant=tenant, subject=key.rpartition(":")[2])
    # recorded first: a reset that nobody can see is worse than an event of one that failed and is tried again
    await AuditLog(redis).append(event, token=token)
    return bool(await redis.register_script(_RESET)(keys=[key], args=[token]))
