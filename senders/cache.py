"""What a worker remembers of configurations: bounded, keyed by tenant, valid by version."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

from providers.protocol import Account
from senders.accounts import account_with, open_token
from senders.model import Sender, TenantConfig
from senders.secrets import KeyRing
from trunkline_client.private import Token

Load = Callable[[str], Awaitable[TenantConfig | None]]

#: a configuration of ten senders with a hundred numbers each takes about 1 MB; most take a few kB.
MAX_TENANTS: Final = 1024

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class ConfigCache:
    """Configurations and opened credentials of the tenants used last; for one event loop.

    A configuration is served as long as it is at least the version that a claim named, so no message to the workers
    is needed when a tenant changes.
    """

    def __init__(self, load: Load, ring: KeyRing, *, max_tenants: int = MAX_TENANTS) -> None:
        """Build an empty cache.

        Args:
            load: reads a tenant's configuration, as `ConfigStore.load` does.
            ring: opens the senders' credentials.
            max_tenants: how many configurations are kept, and as many opened credentials.
        """
        self._load = load
        self._ring = ring
        self._configs: _Recent[str, TenantConfig] = _Recent(max_tenants)
        self._tokens: _Recent[tuple[str, str, str], Token] = _Recent(max_tenants)
        self._loading: dict[str, asyncio.Task[TenantConfig | None]] = {}

    async def get(self, tenant: str, version: int) -> TenantConfig | None:
        """Return a tenant's configuration at `version` or newer, None if it has none.

        Concurrent misses of one tenant load once.
        """
        config = self._configs.get(tenant)
        if config is not None and config.version >= version:
            return config
        joined = tenant in self._loading
        config = await self._loaded(tenant)
        if joined and (config is None or config.version < version):
            # the load we joined had begun before this version was written
            config = await self._loaded(tenant)
        return config

    def account(self, config: TenantConfig, sender: Sender) -> Account:
        """Return a sender's account with its credentials opened; raises `SecretUnreadable`."""
        key = (config.tenant, sender.key, sender.sealed_secret)
        token = self._tokens.get(key)
        if token is None:
            token = open_token(self._ring, config.tenant, sender)
            self._tokens.put(key, token)
        return account_with(sender, token)

    async def _loaded(self, tenant: str) -> TenantConfig | None:
        task = self._loading.get(tenant)
        if task is None:
            task = asyncio.create_task(self._read(tenant))
            self._loading[tenant] = task
        # a caller that is cancelled must not take the load away from those who wait with it
        return await asyncio.shield(task)

    async def _read(self, tenant: str) -> TenantConfig | None:
        try:
            config = await self._load(tenant)
        finally:
            del self._loading[tenant]
        if config is not None:
            self._configs.put(tenant, config)
        return config


class _Recent(Generic[_Key, _Value]):
    """A mapping that forgets what was used longest ago."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: OrderedDict[_Key, _Value] = OrderedDict()

    def get(self, key: _Key) -> _Value | None:
        value = self._items.get(key)
        if value is not None:
            self._items.move_to_end(key)
        return value

    def put(self, key: _Key, value: _Value) -> None:
        self._items[key] = value
        self._items.move_to_end(key)
        if len(self._items) > self._most:
            self._items.popitem(last=False)
