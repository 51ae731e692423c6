"""What a worker remembers of configurations: bounded by its size, keyed by tenant, valid by version."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from sys import getsizeof
from typing import Final

from providers.gateway_settings import Gateway
from providers.protocol import Account
from senders.accounts import account_with, open_token
from senders.model import Number, Policy, Sender, TenantConfig
from senders.recent import Joined, Recent
from senders.secrets import KeyRing
from senders.shortlist import Shortlist
from trunkline_client.private import Token
from trunkline_client.words import Channel

Load = Callable[[str], Awaitable[TenantConfig | None]]

#: what all configurations of one process may take, in bytes as `bytes_of` estimates them. A tenant with one sender of
#: five numbers takes 3.3 kB, so 10,000 of them fit; one with ten senders of 1,000 numbers takes 2.8 MB.
MAX_BYTES: Final = 128 << 20
#: an opened credential takes about 0.6 kB, so all of them about 19 MB; to open one again takes 0.1 ms.
MAX_TOKENS: Final = 1 << 15
#: to sort a number takes about 25 us; more of them at once would hold up the other jobs of the process.
_SORTED_AT_ONCE: Final = 100

_TENANT_BYTES: Final = 1_000
_SENDER_BYTES: Final = 1_600
#: measured: 150 bytes for a number, and for each channel it can carry 43 for its country and 43 for all countries.
_NUMBER_BYTES: Final = 350
_POLICY_BYTES: Final = 1_000
#: a condition, an originator, or one more country that a number serves.
_ROW_BYTES: Final = 120
#: measured: a text of two letters, and its share of a set.
_COUNTRY_BYTES: Final = 160


@dataclass(frozen=True, slots=True)
class _Kept:
    """A configuration with what was sorted for its jobs, by sender key and channel."""

    config: TenantConfig
    shortlists: dict[tuple[str, Channel], Shortlist] = field(default_factory=dict)


class ConfigCache:
    """Configurations and opened credentials of the tenants used last; for one event loop.

    A configuration is served as long as it is at least the version that a claim named, so no message to the workers
    is needed when a tenant changes.
    """

    def __init__(self, load: Load, ring: KeyRing, *, max_bytes: int = MAX_BYTES, max_tokens: int = MAX_TOKENS) -> None:
        """Build an empty cache.

        Args:
            load: reads a tenant's configuration, as `ConfigStore.load` does.
            ring: opens the senders' credentials.
            max_bytes: how much the configurations that are kept may take, as `bytes_of` tells it.
            max_tokens: how many opened credentials are kept.
        """
        self._load = load
        self._ring = ring
        self._kept: Recent[str, _Kept] = Recent(max_bytes, lambda kept: bytes_of(kept.config))
        self._tokens: Recent[tuple[str, str, str], Token] = Recent(max_tokens)
        self._loading: Joined[str, TenantConfig | None] = Joined()
        self._sorting: Joined[tuple[str, int, str, Channel], Shortlist] = Joined()

    @property
    def bytes_kept(self) -> int:
        """About how many bytes the remembered configurations take."""
        return self._kept.weight

    async def get(self, tenant: str, version: int) -> TenantConfig | None:
        """Return a tenant's configuration at `version` or newer, None if it has none.

        Concurrent misses of one tenant load once.
        """
        kept = self._kept.get(tenant)
        if kept is not None and kept.config.version >= version:
            return kept.config
        joined = self._loading.is_running(tenant)
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

    async def shortlist(self, config: TenantConfig, sender: Sender, channel: Channel) -> Shortlist:
        """Return what a sender of a configuration can send from over a channel.

        It is sorted once, and forgotten together with the configuration.
        """
        kept = self._kept.get(config.tenant)
        if kept is None or kept.config is not config:
            # a job in hand keeps the configuration it began with
            return await _sorted(sender, channel)
        found = kept.shortlists.get((sender.key, channel))
        if found is None:
            key = (config.tenant, config.version, sender.key, channel)
            found = await self._sorting.get(key, lambda: _sorted(sender, channel))
            kept.shortlists[sender.key, channel] = found
        return found

    async def _loaded(self, tenant: str) -> TenantConfig | None:
        return await self._loading.get(tenant, lambda: self._read(tenant))

    async def _read(self, tenant: str) -> TenantConfig | None:
        config = await self._load(tenant)
        if config is not None:
            self._kept.put(tenant, _Kept(config))
        return config


def bytes_of(config: TenantConfig) -> int:
    """Return about how many bytes of memory a configuration takes with everything sorted."""
    senders = (*config.senders.values(), *config.retired)
    return _TENANT_BYTES + sum(map(_bytes_of_sender, senders)) + sum(map(_bytes_of_policy, config.policies.values()))


def _bytes_of_sender(sender: Sender) -> int:
    originators = sum(_ROW_BYTES + _bytes_of_countries(one.countries) for one in sender.originators)
    texts = sum(map(getsizeof, _texts(sender.gateway))) if sender.gateway else 0
    return _SENDER_BYTES + _bytes_of_numbers(sender.numbers) + originators + texts


def _texts(gateway: Gateway) -> Iterator[str]:
    """Yield the texts of a gateway that may be long."""
    for request in gateway.requests:
        yield from (request.url, request.body or "", *chain.from_iterable(request.headers))


def _bytes_of_policy(policy: Policy) -> int:
    limit = policy.country_limit
    listed = (limit.allow or limit.deny) if limit else None
    conditions = sum(_ROW_BYTES * len(one.chain) + _bytes_of_countries(one.countries) for one in policy.conditions)
    return _POLICY_BYTES + conditions + _bytes_of_countries(listed)


def _bytes_of_countries(countries: Collection[str] | None) -> int:
    return _COUNTRY_BYTES * len(countries or ())


def _bytes_of_numbers(numbers: Iterable[Number]) -> int:
    return sum(_NUMBER_BYTES + _ROW_BYTES * (len(number.countries or (0,)) - 1) for number in numbers)


async def _sorted(sender: Sender, channel: Channel) -> Shortlist:
    if len(sender.numbers) > _SORTED_AT_ONCE:
        return await asyncio.to_thread(Shortlist, sender, channel)
    return Shortlist(sender, channel)
