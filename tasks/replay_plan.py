"""What a replay would lead to: the senders a job would try now, by its tenant's rules as they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from providers.faults import Fault
from senders.model import TenantConfig
from senders.policy import check_country
from senders.routing import UnknownPolicy, route, unusable
from senders.store import ConfigStore
from trunkline_client import keys
from trunkline_client.words import Channel

_FIELDS: Final = ("tenant", "channel", "lane", "country", "options", "state", "fault")
#: configurations and routes that are remembered; then they are read anew.
_MOST_KEPT: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a job's record tells a replay; nothing in it is private.

    Attributes:
        is_there: whether there is a record that can be read.
        why: its fault, or its state if it has none.
    """

    id: str
    is_there: bool = False
    tenant: str = ""
    channel: Channel | None = None
    lane: str = ""
    country: str | None = None
    policy: str | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Prospect:
    """What a job would do.

    Attributes:
        senders: the senders it would try, in order; those that cannot be used now are left out.
        end: how it would end instead, None if there are senders.
    """

    senders: tuple[str, ...] = ()
    end: str | None = None


def prospect(config: TenantConfig | None, facts: Facts, via: str | None) -> Prospect:
    """Return what a job would do; the number is chosen later, so a chain may still have none for this recipient."""
    if config is None or facts.channel is None:
        return Prospect(end=f"failed ({Fault.NO_CHAIN})")
    found = route(config, policy_name=facts.policy, channel=facts.channel, country=facts.country)
    if isinstance(found, UnknownPolicy):
        return Prospect(end=f"rejected ({found.rule})")
    refused_by = check_country(found.policy, channel=facts.channel, country=facts.country).refused_by
    if refused_by is not None:
        return Prospect(end=f"rejected ({refused_by})")
    chain = (via,) if via else found.chain
    senders = tuple(key for key in chain if why_not(config, key, facts.channel) is None)
    if senders:
        return Prospect(senders)
    return Prospect(end=f"failed ({Fault.NO_NUMBER if chain else Fault.NO_CHAIN})")


def why_not(config: TenantConfig | None, key: str, channel: Channel | None) -> str | None:
    """Return why a tenant cannot send over a sender, None if it can."""
    sender = config.senders.get(key) if config else None
    reason = unusable(sender)
    if reason is not None:
        return reason.value
    return f"not for {channel}" if sender and channel and channel not in sender.channels else None


class Plans:
    """Tells what jobs would do, with each tenant's configuration read once."""

    def __init__(self, redis: Redis, via: str | None) -> None:
        """Prepare for jobs that are all replayed over the sender `via`, or over their tenants' chains for None."""
        self._store = ConfigStore(redis)
        self._via = via
        self._configs: dict[str, TenantConfig | None] = {}
        self._prospects: dict[tuple[object, ...], Prospect] = {}

    async def of(self, facts: Facts) -> Prospect:
        """Return what a job would do."""
        kind = (facts.tenant, facts.policy, facts.channel, facts.country)
        if kind not in self._prospects:
            if len(self._prospects) >= _MOST_KEPT:
                self._prospects.clear()
            self._prospects[kind] = prospect(await self._config(facts.tenant), facts, self._via)
        return self._prospects[kind]

    async def why_not_via(self, facts: Facts) -> str | None:
        """Return why a job's tenant cannot send it over the one sender, None if it can or if there is none."""
        return why_not(await self._config(facts.tenant), self._via, facts.channel) if self._via else None

    async def _config(self, tenant: str) -> TenantConfig | None:
        if tenant not in self._configs:
            if len(self._configs) >= _MOST_KEPT:
                self._configs.clear()
            self._configs[tenant] = await self._store.load(tenant)
        return self._configs[tenant]


async def read_facts(redis: Redis, ids: Sequence[str]) -> list[Facts]:
    """Return what the records of jobs tell, in one round trip."""
    pipeline = redis.pipeline(transaction=False)
    for job_id in ids:
        pipeline.hmget(keys.job(job_id), *_FIELDS)
    answers = await pipeline.execute(raise_on_error=False)
    return [_facts(job_id, answer) for job_id, answer in zip(ids, answers, strict=True)]


def _facts(job_id: str, answer: list[str | None] | Exception) -> Facts:
    if isinstance(answer, Exception):
        return Facts(id=job_id)  # what is wrong shows where the job is looked at
    tenant, channel, lane, country, options, state, fault = answer
    try:
        policy = json.loads(options or "{}").get("policy")
        known = Channel(channel or "")
    except (ValueError, AttributeError):
        return Facts(id=job_id)
    if not isinstance(policy, str | None):
        return Facts(id=job_id)
    return Facts(
        id=job_id,
        is_there=True,
        tenant=tenant or "",
        channel=known,
        lane=lane or "",
        country=country,
        policy=policy,
        why=fault or state or "",
    )
