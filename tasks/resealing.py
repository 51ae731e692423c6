"""Brings everything that is sealed under the first key of the ring: secrets, contents of jobs, and single strings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import islice
from typing import Any, Final

from redis.asyncio import Redis

from senders.audit_log import AuditLog
from senders.resealing import SenderSecrets, Tally, rotated
from senders.secrets import SCHEME, KeyRing
from senders.store import ConfigStore
from tasks import lua
from trunkline_client import keys

#: A document may have a megabyte, a content some kilobytes: how many are held at a time.
_TENANTS: Final = 16
_JOBS: Final = 200

#: The name of a sealed thing, the key that holds it, and its sealed text.
_Sealed = tuple[str, str, str]


class Resealing:
    """One walk over everything sealed; workers and administrators may go on meanwhile."""

    def __init__(self, redis: Redis, ring: KeyRing, *, new_token: Callable[[], str], actor: str | None = None) -> None:
        """Prepare a walk.

        Args:
            redis: a client whose answers are text.
            ring: the keys; the first one seals.
            new_token: a new token for every change.
            actor: who seals everything anew, for the audit; None to count only.
        """
        self._redis: Any = redis  # its types say `bytes | str` for answers that are text
        self._ring = ring
        self._new_token = new_token
        self._actor = actor
        self._store = ConfigStore(redis)
        self._secrets = SenderSecrets(self._store, ring, new_token=new_token)
        self._audit = AuditLog(redis)
        self._replace = lua.load(redis, "reseal")
        self._tally = Tally()

    async def walk(self) -> Tally:
        """Return what was met, and with an actor bring it under the first key; what no key opens is left as it is.

        What workers seal while it runs is left out if they seal with another key first: run it again once all of them
        have the new ring.
        """
        tenants = iter(await self._store.tenants())
        while batch := list(islice(tenants, _TENANTS)):
            await asyncio.gather(*map(self._senders_of, batch))
        async for tenant in self._redis.sscan_iter(keys.JOB_TENANTS):
            await self._jobs_of(tenant)
        await self._strings()
        return self._tally

    async def _senders_of(self, tenant: str) -> None:
        if self._actor is None:
            await self._secrets.count(tenant, self._tally)
        else:
            await self._secrets.reseal(tenant, self._tally, actor=self._actor)

    async def _jobs_of(self, tenant: str) -> None:
        count = 0
        async for job_ids in self._job_ids(tenant):
            pipeline = self._redis.pipeline(transaction=False)
            for job_id in job_ids:
                pipeline.hget(keys.job(job_id), "content")
            contents = zip(job_ids, await pipeline.execute(), strict=True)
            sealed = [(job_id, text) for job_id, text in contents if text and text.startswith(SCHEME)]
            count += await self._take([(f"job {one}", keys.job(one), text) for one, text in sealed], "content")
        await self._record(tenant, "jobs", count)

    async def _job_ids(self, tenant: str) -> AsyncIterator[list[str]]:
        """Yield the ids of all of a tenant's jobs in batches; one that moves meanwhile may come twice."""
        cursor = -1
        while cursor:
            cursor, found = await self._redis.zscan(keys.jobs(tenant), max(cursor, 0), count=_JOBS)
            for start in range(0, len(found), _JOBS):
                yield [job_id for job_id, _ in found[start : start + _JOBS]]

    async def _strings(self) -> None:
        texts = zip(keys.SEALED, await self._redis.mget(keys.SEALED), strict=True)
        count = await self._take([(f"key {key}", key, text) for key, text in texts if text], "")
        await self._record("", "keys", count)

    async def _take(self, sealed: Sequence[_Sealed], field: str) -> int:
        """Count a batch and bring it under the first key, and return how many were sealed anew."""
        replaced, arguments = [], [field]
        for name, key, text in sealed:
            place = self._ring.place(text)
            self._tally.meet(name, place)
            anew = self._ring.reseal(text) if self._actor and place else None
            if anew is not None:
                replaced.append(key)
                arguments += [text, anew]
        # what is no longer as it was read has been erased, or sealed anew by another run: nothing is left to do for it
        count = int(await self._replace(keys=replaced, args=arguments)) if replaced else 0
        self._tally.resealed += count
        return count

    async def _record(self, tenant: str, what: str, count: int) -> None:
        if self._actor and count:
            await self._audit.append(rotated(self._actor, tenant, what, count), token=self._new_token())
