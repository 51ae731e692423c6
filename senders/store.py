"""The configurations of all tenants in Redis: read one, or replace several at once or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from typing import Final, cast

from redis.asyncio import Redis

from senders.audit import AuditEvent
from senders.document import decode, encode
from senders.model import TenantConfig
from senders.summary import TenantSummary, summarize
from trunkline_client import keys
from trunkline_client.errors import TrunklineError

#: how long a replacement's answer is remembered; a client re-sends within seconds.
_ANSWER_LIFE: Final = timedelta(days=1)
#: about how many events the audit keeps where no worker has written its setting yet.
AUDIT_EVENTS: Final = 200_000
#: documents read in one round trip: a tenant's own is about 1 kB, the largest about 1 MB.
BATCH: Final = 50
#: to read a document takes about 40 ms for each MB; a larger one than this would hold up everybody else.
_AT_ONCE_CHARACTERS: Final = 64 << 10
_FIELDS: Final = ("version", "document")
_SCRIPT: Final = (files("senders") / "scripts" / "replace_config.lua").read_text("utf-8")


class ConfigConflict(TrunklineError):
    """Somebody else changed a tenant's configuration meanwhile; nothing was changed."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        super().__init__(
            f"the configuration of tenant {tenant} was changed meanwhile; nothing was saved: look at it, then try again"
        )


@dataclass(frozen=True, slots=True)
class Replacement:
    """A new document for one tenant, valid only while its configuration has `expected_version` (0: none yet).

    Attributes:
        retired: the members of `keys.RETIRED` for the senders it deletes.
        forgotten: the same for deleted senders whose secret it no longer keeps.
    """

    expected_version: int
    document: str
    retired: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()

    @classmethod
    def of(cls, current: TenantConfig | None, wanted: TenantConfig) -> Replacement:
        """Return the replacement of a stored configuration (None for none yet) by another of the same tenant."""
        before, after = _retired(current) if current else set(), _retired(wanted)
        return cls(
            current.version if current else 0,
            encode(wanted),
            retired=tuple(sorted(after - before)),
            forgotten=tuple(sorted(before - after)),
        )


class ConfigStore:
    """Reads and replaces configurations over one Redis client, whose answers are text."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._replace = redis.register_script(_SCRIPT)

    async def load(self, tenant: str) -> TenantConfig | None:
        """Return a tenant's configuration, None if it has none."""
        found = await self._redis.hmget(keys.config(tenant), *_FIELDS)
        return await _decoded(tenant, cast("list[str | None]", found))

    async def load_all(self, tenants: Iterable[str]) -> dict[str, TenantConfig | None]:
        """Return the configuration of each tenant, None where it has none; `BATCH` of them in a round trip."""
        return {tenant: await _decoded(tenant, found) async for tenant, found in self._read(tenants)}

    async def summaries(self) -> AsyncIterator[TenantSummary]:
        """Yield a summary of every configuration in the order of the tenants' names, `BATCH` in a round trip."""
        async for tenant, (version, document) in self._read(await self.tenants()):
            if version is not None and document is not None:
                yield summarize(tenant, int(version), document)

    async def _read(self, tenants: Iterable[str]) -> AsyncIterator[tuple[str, list[str | None]]]:
        """Yield each tenant with its version and document."""
        names = list(tenants)
        for start in range(0, len(names), BATCH):
            batch = names[start : start + BATCH]
            pipeline = self._redis.pipeline(transaction=False)
            for tenant in batch:
                pipeline.hmget(keys.config(tenant), *_FIELDS)
            for tenant, found in zip(batch, await pipeline.execute(), strict=True):
                yield tenant, found

    async def version(self, tenant: str) -> int:
        """Return the version of a tenant's configuration, 0 if it has none."""
        return int(await self._redis.hget(keys.config(tenant), "version") or 0)

    async def tenants(self) -> tuple[str, ...]:
        """Return the names of all tenants with a configuration, sorted."""
        return tuple(sorted(cast("set[str]", await self._redis.smembers(keys.TENANTS))))

    async def some_tenants(self, most: int) -> tuple[str, ...]:
        """Return the names of `most` tenants with a configuration, any ones, or of all if there are fewer."""
        return tuple(cast("list[str]", await self._redis.srandmember(keys.TENANTS, most)))

    async def replace(
        self, changes: Mapping[str, Replacement], *, token: str, events: Iterable[AuditEvent] = ()
    ) -> Mapping[str, int]:
        """Replace the configurations of all tenants in `changes`, or of none, and return their new versions.

        Args:
            changes: the replacement per tenant; may be empty, to record events only.
            events: what is done with it; recorded in the audit in the same step.
            token: new for every call; the same token again changes nothing and returns the first answer.

        Raises:
            ConfigConflict: a tenant's version is not the expected one.
        """
        recorded = [event.encode() for event in events]
        if not changes and not recorded:
            return {}
        arguments: list[str | int] = [int(_ANSWER_LIFE.total_seconds()), AUDIT_EVENTS]
        for tenant, change in changes.items():
            arguments += [tenant, change.expected_version, change.document]
            arguments += [json.dumps(change.retired), json.dumps(change.forgotten)]
        shared = [keys.TENANTS, keys.config_answer(token), keys.AUDIT, keys.RETIRED, keys.TUNING]
        names = [*shared, *(keys.config(tenant) for tenant in changes)]
        arguments += recorded
        answer = cast("list[str]", await self._replace(keys=names, args=arguments))
        if answer[0] == "conflict":
            raise ConfigConflict(answer[1])
        return dict(zip(changes, map(int, answer[1:]), strict=True))


def _retired(config: TenantConfig) -> set[str]:
    return {keys.retired_sender(config.tenant, one.key, one.account_name) for one in config.retired}


async def _decoded(tenant: str, found: list[str | None]) -> TenantConfig | None:
    version, document = found
    if version is None or document is None:
        return None
    if len(document) > _AT_ONCE_CHARACTERS:
        return await asyncio.to_thread(decode, tenant, int(version), document)
    return decode(tenant, int(version), document)
