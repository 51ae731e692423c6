"""Destroys the secrets of deleted senders, once none of their attempts may have to be asked about any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import structlog
from redis.asyncio import Redis

from senders.audit import OURSELVES, AuditAction, AuditEvent
from senders.document import DocumentUnreadable
from senders.model import Sender, TenantConfig
from senders.store import ConfigConflict, ConfigStore, Replacement
from tasks.journal import Journal
from trunkline_client import keys

#: A pass that began before the deletion has the former configuration and may still begin an attempt, which no record
#: tells beforehand. A pass makes a few attempts of at most 15 s each by default, so it is long over by then.
GRACE: Final = timedelta(minutes=10)
#: How many deleted senders one pass looks at, and how many jobs one script.
_SENDERS: Final = 100
_JOBS: Final = 500

_log = structlog.get_logger("trunkline.retired")


class RetiredSecrets:
    """The deleted senders of all tenants; every worker looks after them, and the version of a configuration decides."""

    def __init__(
        self,
        redis: Redis,
        journal: Journal,
        store: ConfigStore,
        *,
        new_token: Callable[[], str],
        grace: timedelta = GRACE,
    ) -> None:
        self._redis: Any = redis  # its types say `bytes | str` for answers that are text
        self._journal = journal
        self._store = store
        self._new_token = new_token
        self._grace = grace

    async def destroy_unneeded(self) -> int:
        """Destroy the secrets of deleted senders that nothing needs, in one bounded batch; returns how many.

        One that is needed, or whose configuration cannot be read, is looked at again after the grace. A tenant whose
        configuration changes meanwhile is left to the next pass.
        """
        now_ms = await self._now_ms()
        due = await self._due(now_ms)
        if not due:
            return 0
        # leases first: an attempt that leaves them before this look is among the unsettled ones before the next
        in_hand = await self._in_question(await self._redis.zrange(keys.LEASES, 0, -1))
        destroyed = 0
        for tenant, members in due.items():
            needed = members & (in_hand | await self._unsettled(tenant))
            await self._postpone(needed, now_ms)
            destroyed += await self._destroy(tenant, members - needed, now_ms)
        return destroyed

    async def _postpone(self, members: set[str], now_ms: int) -> None:
        """Look at these again after the grace, so that they do not keep the others waiting."""
        if members:
            await self._redis.zadd(keys.RETIRED, dict.fromkeys(members, now_ms), xx=True)

    async def _now_ms(self) -> int:
        seconds, microseconds = await self._redis.time()
        return int(seconds) * 1000 + int(microseconds) // 1000

    async def _due(self, now_ms: int) -> dict[str, set[str]]:
        """Return the members of `keys.RETIRED` whose grace is over, by tenant."""
        latest = now_ms - round(self._grace.total_seconds() * 1000)
        due: dict[str, set[str]] = {}
        for member in await self._redis.zrangebyscore(keys.RETIRED, "-inf", latest, start=0, num=_SENDERS):
            due.setdefault(member.partition(" ")[0], set()).add(member)
        return due

    async def _unsettled(self, tenant: str) -> set[str]:
        found: set[str] = set()
        cursor = -1
        while cursor:
            cursor, job_ids = await self._redis.sscan(keys.unsettled(tenant), max(cursor, 0), count=_JOBS)
            found |= await self._in_question(job_ids)
        return found

    async def _in_question(self, job_ids: list[str]) -> set[str]:
        found: set[str] = set()
        for start in range(0, len(job_ids), _JOBS):
            found |= await self._journal.in_question(job_ids[start : start + _JOBS])
        return found

    async def _destroy(self, tenant: str, members: set[str], now_ms: int) -> int:
        """Take these deleted senders out of their tenant's configuration; returns how many of them were in it."""
        try:
            config = await self._store.load(tenant) if members else None
        except DocumentUnreadable as error:
            _log.error("config.unreadable", tenant=tenant, error=str(error))
            await self._postpone(members, now_ms)
            return 0
        gone = [sender for sender in (config.retired if config else ()) if _member(tenant, sender) in members]
        unknown = members - {_member(tenant, sender) for sender in gone}
        if unknown:
            await self._redis.zrem(keys.RETIRED, *unknown)
        return await self._save_without(config, gone) if config and gone else 0

    async def _save_without(self, config: TenantConfig, gone: list[Sender]) -> int:
        wanted = replace(config, retired=tuple(sender for sender in config.retired if sender not in gone))
        change = {config.tenant: Replacement.of(config, wanted)}
        try:
            await self._store.replace(change, token=self._new_token(), events=_events(config.tenant, gone))
        except ConfigConflict:
            return 0
        for sender in gone:
            _log.info("sender.secret_destroyed", tenant=config.tenant, sender=sender.key)
        return len(gone)


def _member(tenant: str, sender: Sender) -> str:
    return keys.retired_sender(tenant, sender.key, sender.account_name)


def _events(tenant: str, gone: Iterable[Sender]) -> list[AuditEvent]:
    action = AuditAction.SENDER_SECRET_DESTROYED
    return [AuditEvent(actor=OURSELVES, action=action, tenant=tenant, subject=sender.key) for sender in gone]
