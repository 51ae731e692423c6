from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from cryptography.fernet import Fernet

from senders.accounts import seal_token
from senders.cache import ConfigCache
from senders.model import TenantConfig
from senders.secrets import KeyRing, SecretUnreadable
from tests.support.sender_samples import ACCOUNT_SID, tenant, twilio
from trunkline_client.private import Token

RING = KeyRing([Fernet.generate_key().decode()])


class FakeStore:
    """Configurations in memory that counts its loads and may be held up."""

    def __init__(self, *configs: TenantConfig) -> None:
        self.configs = {config.tenant: config for config in configs}
        self.loads: list[str] = []
        self.began = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def load(self, name: str) -> TenantConfig | None:
        self.loads.append(name)
        found = self.configs.get(name)
        self.began.set()
        await self.open.wait()
        return found


async def test_a_configuration_is_loaded_once_per_version() -> None:
    store = FakeStore(tenant(version=3))
    cache = ConfigCache(store.load, RING)

    assert await cache.get("acme", 3) is await cache.get("acme", 3)
    assert store.loads == ["acme"]


async def test_a_newer_version_is_loaded_when_a_claim_names_it() -> None:
    store = FakeStore(tenant(version=3))
    cache = ConfigCache(store.load, RING)
    await cache.get("acme", 3)
    store.configs["acme"] = tenant(version=4)

    assert await cache.get("acme", 4) == tenant(version=4)


async def test_a_configuration_newer_than_asked_for_is_fine() -> None:
    store = FakeStore(tenant(version=5))
    cache = ConfigCache(store.load, RING)

    assert await cache.get("acme", 3) == tenant(version=5)
    assert await cache.get("acme", 4) == tenant(version=5)
    assert store.loads == ["acme"]


async def test_an_unknown_tenant_has_none_and_is_not_remembered() -> None:
    store = FakeStore()
    cache = ConfigCache(store.load, RING)

    assert await cache.get("acme", 1) is None
    store.configs["acme"] = tenant(version=1)
    assert await cache.get("acme", 1) == tenant(version=1)


async def test_concurrent_misses_of_one_tenant_load_once() -> None:
    store = FakeStore(tenant(version=1))
    cache = ConfigCache(store.load, RING)

    found = await asyncio.gather(*(cache.get("acme", 1) for _ in range(50)))

    assert found == [tenant(version=1)] * 50
    assert store.loads == ["acme"]


async def test_a_load_begun_before_a_version_was_written_is_not_taken_for_it() -> None:
    store = FakeStore(tenant(version=1))
    cache = ConfigCache(store.load, RING)
    store.open.clear()
    early = asyncio.create_task(cache.get("acme", 1))
    await store.began.wait()
    store.configs["acme"] = tenant(version=2)
    late = asyncio.create_task(cache.get("acme", 2))
    await asyncio.sleep(0)
    store.open.set()

    assert await early == tenant(version=1)
    assert await late == tenant(version=2)


async def test_a_cancelled_caller_does_not_take_the_load_away_from_the_others() -> None:
    store = FakeStore(tenant(version=1))
    cache = ConfigCache(store.load, RING)
    store.open.clear()
    first = asyncio.create_task(cache.get("acme", 1))
    second = asyncio.create_task(cache.get("acme", 1))
    await asyncio.sleep(0)
    first.cancel()
    store.open.set()

    assert await second == tenant(version=1)


async def test_a_failed_load_is_tried_again_next_time() -> None:
    answers: list[OSError | TenantConfig] = [OSError("gone"), tenant(version=1)]

    async def load(_: str) -> TenantConfig | None:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    cache = ConfigCache(load, RING)
    with pytest.raises(OSError, match="gone"):
        await cache.get("acme", 1)
    assert await cache.get("acme", 1) == tenant(version=1)


async def test_the_tenant_used_longest_ago_is_forgotten_first() -> None:
    store = FakeStore(*(tenant(name=name) for name in "abc"))
    cache = ConfigCache(store.load, RING, max_tenants=2)

    for name in ["a", "b", "a", "c", "a", "b"]:
        await cache.get(name, 1)

    assert store.loads == ["a", "b", "c", "b"]


def sealed(token: str) -> str:
    return seal_token(RING, "acme", "own", Token(token))


def test_an_account_has_its_credentials_opened() -> None:
    sender = twilio(sealed_secret=sealed("first"))
    config = tenant(sender)
    cache = ConfigCache(FakeStore().load, RING)

    account = cache.account(config, sender)

    assert (account.token, account.account_sid) == (Token("first"), ACCOUNT_SID)
    assert cache.account(config, replace(sender, sealed_secret=sealed("second"))).token == Token("second")


def test_opened_credentials_are_remembered_within_bounds() -> None:
    senders = [twilio(key=key, sealed_secret=seal_token(RING, "acme", key, Token(key))) for key in "abc"]
    cache = ConfigCache(FakeStore().load, RING, max_tenants=2)
    opened = [cache.account(tenant(*senders), sender).token for sender in senders]

    assert cache.account(tenant(*senders), senders[2]).token is opened[2]
    assert cache.account(tenant(*senders), senders[0]).token is not opened[0]


def test_credentials_sealed_with_another_key_name_their_sender() -> None:
    sender = twilio(sealed_secret=sealed("first"))
    cache = ConfigCache(FakeStore().load, KeyRing([Fernet.generate_key().decode()]))

    with pytest.raises(SecretUnreadable, match="sender own of tenant acme"):
        cache.account(tenant(sender), sender)
