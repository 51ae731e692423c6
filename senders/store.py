"""The configurations of all tenants in Redis: read one, or replace several at once or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from typing import Final, cast

from redis.asyncio import Redis

from senders.document import decode
from senders.model import TenantConfig
from trunkline_client import keys
from trunkline_client.errors import TrunklineError

#: how long a replacement's answer is remembered; a client re-sends within seconds.
_ANSWER_LIFE: Final = timedelta(days=1)
_SCRIPT: Final = (files("senders") / "scripts" / "replace_config.lua").read_text("utf-8")


class ConfigConflict(TrunklineError):
    """Somebody else changed a tenant's configuration meanwhile; nothing was changed."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        super().__init__(f"the configuration of tenant {tenant} was changed meanwhile; nothing was saved, apply again")


@dataclass(frozen=True, slots=True)
class Replacement:
    """A new document for one tenant, valid only while its configuration has `expected_version` (0: none yet)."""

    expected_version: int
    document: str


class ConfigStore:
    """Reads and replaces configurations over one Redis client, whose answers are text."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._replace = redis.register_script(_SCRIPT)

    async def load(self, tenant: str) -> TenantConfig | None:
        """Return a tenant's configuration, None if it has none."""
        found = await self._redis.hmget(keys.config(tenant), ["version", "document"])
        version, document = cast("list[str | None]", found)
        if version is None or document is None:
            return None
        return decode(tenant, int(version), document)

    async def version(self, tenant: str) -> int:
        """Return the version of a tenant's configuration, 0 if it has none."""
        return int(await self._redis.hget(keys.config(tenant), "version") or 0)

    async def tenants(self) -> tuple[str, ...]:
        """Return the names of all tenants with a configuration, sorted."""
        return tuple(sorted(cast("set[str]", await self._redis.smembers(keys.TENANTS))))

    async def replace(self, changes: Mapping[str, Replacement], *, token: str) -> Mapping[str, int]:
        """Replace the configurations of all tenants in `changes`, or of none, and return their new versions.

        Args:
            changes: the replacement per tenant.
            token: new for every call; the same token again changes nothing and returns the first answer.

        Raises:
            ConfigConflict: a tenant's version is not the expected one.
        """
        if not changes:
            return {}
        arguments: list[str | int] = [int(_ANSWER_LIFE.total_seconds())]
        for tenant, change in changes.items():
            arguments += [tenant, change.expected_version, change.document]
        names = [keys.TENANTS, keys.config_answer(token), *(keys.config(tenant) for tenant in changes)]
        answer = cast("list[str]", await self._replace(keys=names, args=arguments))
        if answer[0] == "conflict":
            raise ConfigConflict(answer[1])
        return dict(zip(changes, map(int, answer[1:]), strict=True))
