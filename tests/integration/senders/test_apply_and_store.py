"""`apply` from file to Redis and back, with accounts that answer from memory."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from cryptography.fernet import Fernet
from redis.asyncio import Redis

from providers.protocol import WrongCredentials
from senders.apply import plan, save, verify
from senders.cache import ConfigCache
from senders.config_file import parse_file
from senders.findings import ConfigRefused
from senders.secrets import KeyRing
from senders.store import ConfigConflict, ConfigStore
from tests.support.config_samples import ACME, ENVIRONMENT, FakeProviders
from trunkline_client.private import Token

pytestmark = pytest.mark.integration

RING = KeyRing([Fernet.generate_key().decode()])
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
GLOBEX = ACME.replace("acme", "globex")


class Applier:
    """Applies files to one Redis and remembers which accounts were asked."""

    def __init__(self, redis: Redis) -> None:
        self.store = ConfigStore(redis)
        self.providers = FakeProviders()
        self._runs = 0

    async def __call__(self, text: str, *, meanwhile: str | None = None) -> Mapping[str, int]:
        desired = parse_file(text, ENVIRONMENT | {"GLOBEX_TWILIO_TOKEN": "g1", "GLOBEX_SYNIVERSE_TOKEN": "g2"})
        planned = plan(desired, {tenant: await self.store.load(tenant) for tenant in desired}, RING)
        numbers = await verify(planned, self.providers.for_kind)
        if meanwhile is not None:
            await self(meanwhile)
        self._runs += 1
        return await save(planned, numbers, self.store, RING, actor="ops", now=NOW, token=f"run-{self._runs}")


@pytest.fixture
def apply(redis: Redis) -> Applier:
    return Applier(redis)


async def test_a_file_is_saved_and_a_worker_reads_it_with_its_credentials(apply: Applier) -> None:
    assert await apply(ACME) == {"acme": 1}

    cache = ConfigCache(apply.store.load, RING)
    config = await cache.get("acme", 1)
    assert config is not None
    assert config.default_chain == ("acme-twilio", "acme-syniverse")
    assert cache.account(config, config.senders["acme-twilio"]).token == Token("twilio-token-1")
    assert len(config.senders["acme-twilio"].numbers) == 4


async def test_the_same_file_twice_saves_once_and_asks_no_account_again(apply: Applier) -> None:
    await apply(ACME)
    asked = len(apply.providers.asked)

    assert await apply(ACME) == {}
    assert len(apply.providers.asked) == asked
    assert await apply.store.version("acme") == 1


async def test_tenants_that_are_not_in_the_file_are_left_alone(apply: Applier) -> None:
    await apply(GLOBEX)
    before = await apply.store.load("globex")
    await apply(ACME)

    assert await apply.store.load("globex") == before


async def test_one_account_that_refuses_keeps_every_tenant_of_the_file_unsaved(apply: Applier) -> None:
    apply.providers.syniverse.refusal = WrongCredentials("wrong token")

    with pytest.raises(ConfigRefused, match="access_token: wrong token"):
        await apply(f"{ACME}{GLOBEX.removeprefix(chr(10) + 'tenants:' + chr(10))}")
    assert await apply.store.tenants() == ()


async def test_a_tenant_somebody_changed_meanwhile_keeps_the_whole_file_unsaved(apply: Applier) -> None:
    await apply(ACME)

    with pytest.raises(ConfigConflict, match="tenant acme"):
        await apply(ACME.replace("Acme Twilio", "Mine"), meanwhile=ACME.replace("Acme Twilio", "Theirs"))
    config = await apply.store.load("acme")
    assert config is not None
    assert config.senders["acme-twilio"].name == "Theirs"


async def test_no_credential_is_readable_in_redis(apply: Applier, redis: Redis) -> None:
    await apply(ACME)

    configs = [str(await redis.hgetall(str(key))) for key in await redis.keys("tl:config:*")]
    answers = [str(await redis.get(str(key))) for key in await redis.keys("tl:config-answer:*")]
    assert len(configs) == len(answers) == 1
    assert not any("token-1" in value for value in configs + answers)
