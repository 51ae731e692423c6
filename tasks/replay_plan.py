"""What a replay would lead to: the senders a job would try now, by its tenant's rules as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from providers.faults import Fault
from senders.model import TenantConfig
from senders.policy import check_country
from senders.routing import UnknownPolicy, route, unusable
from senders.store import ConfigStore
from trunkline_client import keys
from trunkline_client.words import Channel, Place

_FIELDS: Final = (
    *("tenant", "channel", "lane", "country", "options", "state", "fault", "replayed_by"),
    *("place", "reconciling", "first_attempt", "worker_lost", "chain", "step"),
)
#: configurations and routes that are remembered; then they are read anew.
_MOST_KEPT: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a job's record tells a replay; nothing in it is private.

    Attributes:
        is_there: whether there is a record that can be read.
        why: its fault, or its state if it has none.
        runs: the runs that replayed it.
        keeps: of a held job whose outcome is asked about once more: what it tries if the provider does not have it,
            since it keeps its chain and its step. None for any other: its chain is resolved afresh.
    """

    id: str
    is_there: bool = False
    tenant: str = ""
    channel: Channel | None = None
    lane: str = ""
    country: str | None = None
    policy: str | None = None
    why: str = ""
    runs: tuple[str, ...] = ()
    keeps: tuple[str, ...] | None = None


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
    if facts.keeps is not None and not via:
        return _along(config, facts.channel, facts.keeps, or_else=Fault.UNAVAILABLE)
    found = route(config, policy_name=facts.policy, channel=facts.channel, country=facts.country)
    if isinstance(found, UnknownPolicy):
        return Prospect(end=f"rejected ({found.rule})")
    refused_by = check_country(found.policy, channel=facts.channel, country=facts.country).refused_by
    if refused_by is not None:
        return Prospect(end=f"rejected ({refused_by})")
    chain = (via,) if via else found.chain
    return _along(config, facts.channel, chain, or_else=Fault.NO_NUMBER if chain else Fault.NO_CHAIN)


def _along(config: TenantConfig, channel: Channel, chain: Sequence[str], *, or_else: Fault) -> Prospect:
    senders = tuple(key for key in chain if why_not(config, key, channel) is None)
    return Prospect(senders) if senders else Prospect(end=f"failed ({or_else})")


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
        kind = (facts.tenant, facts.policy, facts.channel, facts.country, facts.keeps)
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
    told = {name: value for name, value in zip(_FIELDS, answer, strict=True) if value is not None}
    try:
        policy = json.loads(told.get("options") or "{}").get("policy")
        channel, keeps = Channel(told.get("channel", "")), _keeps(told)
    except (ValueError, TypeError, AttributeError):
        return Facts(id=job_id)
    if not isinstance(policy, str | None):
        return Facts(id=job_id)
    return Facts(
        id=job_id,
        is_there=True,
        tenant=told.get("tenant", ""),
        channel=channel,
        lane=told.get("lane", ""),
        country=told.get("country"),
        policy=policy,
        why=told.get("fault") or told.get("state", ""),
        runs=tuple(told.get("replayed_by", "").split()),
        keeps=keeps,
    )


def _keeps(told: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the senders of `Facts.keeps`: the next one, after a worker's death the same one, and those behind it."""
    asked = int(told.get("reconciling") or 0)
    if told.get("place") != Place.HELD or not asked or asked < int(told.get("first_attempt") or 1):
        return None
    step = int(told.get("step") or 0) + (told.get("worker_lost") != "1")
    return tuple(map(str, json.loads(told.get("chain") or "[]")[step:]))
