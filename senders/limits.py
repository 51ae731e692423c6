"""What a policy's cooldown and quotas ask of one job: pure, as the data that the counting scripts work on.

Counters are named by digests of whom they count, so no key in Redis shows a number or a user.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, Final

from senders.model import CooldownKey, Policy, Quota, QuotaScope
from trunkline_client import keys
from trunkline_client.limits import json_bytes
from trunkline_client.private import Private, Recipient
from trunkline_client.words import Channel

#: the subject of a tenant's own counters.
ALL: Final = "all"
_DIGEST_DIGITS: Final = 32  # 128 bits


class Digester:
    """Names subjects by HMAC-SHA256 with the installation's key: without it, numbers cannot be tried against a name."""

    def __init__(self, key: Private) -> None:
        self._key = key.reveal().encode()

    def digest(self, *parts: str) -> str:
        """Return the name of what `parts` say together, 128 bits in hex."""
        return hmac.new(self._key, json_bytes(parts), hashlib.sha256).hexdigest()[:_DIGEST_DIGITS]


def limits_of(
    policy: Policy, *, tenant: str, channel: Channel, to: Recipient, user: Private | None, digester: Digester
) -> str:
    """Return what `limits.lua` checks and counts for a job, as JSON; "" if its policy does not limit the channel.

    Without a user, what counts by user counts by recipient.
    """
    limits: dict[str, Any] = {"quotas": []}
    for quota in policy.quotas:
        if quota.channels is None or channel in quota.channels:
            key = _quota_key(quota.scope, tenant, to, user, digester)
            limits["quotas"].append({"key": key, "policy": policy.name, **_most(quota)})
    cooldown = policy.cooldown.over(channel) if policy.cooldown else None
    if policy.cooldown and cooldown:
        subject = [to.reveal()]
        if policy.cooldown.by is CooldownKey.USER and user is not None:
            subject.append(user.reveal())
        limits["cooldown"] = {
            "key": keys.cooldown(tenant, digester.digest("cooldown", tenant, policy.name, channel, *subject)),
            "periods_ms": [period_s * 1000 for period_s in cooldown.periods_s],
            "resend_limit": cooldown.resend_limit,
        }
    return json_bytes(limits).decode() if limits["quotas"] or cooldown else ""


def user_quota_key(tenant: str, user: Private, digester: Digester) -> str:
    """Return the key of a user's counters under all policies of a tenant."""
    return keys.quota(tenant, digester.digest("user", tenant, user.reveal()))


def _quota_key(scope: QuotaScope, tenant: str, to: Recipient, user: Private | None, digester: Digester) -> str:
    if scope is QuotaScope.TENANT:
        return keys.quota(tenant, ALL)
    if user is not None:
        return user_quota_key(tenant, user, digester)
    return keys.quota(tenant, digester.digest("to", tenant, to.reveal()))


def _most(quota: Quota) -> dict[str, int | None]:
    if quota.total is not None:
        return {"total": quota.total}
    return {"used": quota.used, "unused": quota.unused}
