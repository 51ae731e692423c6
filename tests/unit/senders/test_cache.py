from __future__ import annotations

import asyncio
import tracemalloc
from dataclasses import replace
from string import ascii_uppercase

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from providers.gateway_settings import AuthMethod, Gateway, GatewayAuthentication
from providers.protocol import Origin, OriginType
from senders.accounts import seal_token
from senders.cache import MAX_BYTES, ConfigCache, bytes_of
from senders.document import decode, encode
from senders.model import Condition, CountryLimit, Originator, Policy, TenantConfig
from senders.secrets import KeyRing, SecretUnreadable
from tests.support.sender_samples import ACCOUNT_SID, gateway, gateway_request, phone, syniverse, tenant, twilio
from trunkline_client.private import Recipient, Token
from trunkline_client.words import Channel

NUMBERS = (phone("+14155550100"), phone("+14155550101"))
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
    cache = ConfigCache(store.load, RING, max_bytes=2 * bytes_of(tenant()))

    for name in ["a", "b", "a", "c", "a", "b"]:
        await cache.get(name, 1)

    assert store.loads == ["a", "b", "c", "b"]


def with_numbers(name: str, count: int) -> TenantConfig:
    return tenant(twilio(*(phone(f"+1415555{index:04}") for index in range(count))), name=name)


async def test_ten_thousand_small_tenants_are_all_remembered() -> None:
    store = FakeStore(*(with_numbers(f"t{index}", 5) for index in range(10_000)))
    cache = ConfigCache(store.load, RING)

    for _ in range(2):
        for name in store.configs:
            await cache.get(name, 1)

    assert len(store.loads) == 10_000


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 40)), max_size=40))
async def test_what_is_remembered_stays_within_its_bound_or_is_one_configuration(
    asked: list[tuple[str, int]],
) -> None:
    most = bytes_of(with_numbers("a", 50))
    store = FakeStore()
    cache = ConfigCache(store.load, RING, max_bytes=most)

    for version, (name, count) in enumerate(asked, start=1):
        store.configs[name] = replace(with_numbers(name, count), version=version)
        await cache.get(name, version)

        assert cache.bytes_kept <= most


async def test_a_configuration_larger_than_the_bound_is_kept_alone() -> None:
    store = FakeStore(with_numbers("small", 1), with_numbers("large", 100))
    cache = ConfigCache(store.load, RING, max_bytes=bytes_of(with_numbers("small", 1)))

    for name in ["small", "large", "large", "small"]:
        await cache.get(name, 1)

    assert store.loads == ["small", "large", "small"]


COUNTRIES = [f"{first}{second}" for first in ascii_uppercase for second in ascii_uppercase][:200]


def rules(conditions: int) -> TenantConfig:
    rows = (Condition(("own",), frozenset(COUNTRIES)) for _ in range(conditions))
    policy = Policy("default", (*rows, Condition(("own",))), CountryLimit(allow=frozenset(COUNTRIES)))
    return tenant(policies={"default": policy})


def wordy_gateway() -> TenantConfig:
    headers = tuple((f"x-{place}", "v" * 1000) for place in range(20))
    request = gateway_request(body="${to}${message}" + "x" * 16_000, headers=headers)
    return tenant(gateway(gateway=Gateway(GatewayAuthentication(AuthMethod.BEARER), (request,))))


@pytest.mark.parametrize(
    "config",
    [
        with_numbers("a", 5),
        rules(1),
        rules(50),
        tenant(syniverse(Originator("a", tuple(COUNTRIES)))),
        wordy_gateway(),
    ],
    ids=["numbers", "one condition", "many conditions", "originator", "gateway"],
)
def test_a_configuration_weighs_at_least_two_thirds_of_the_memory_it_takes(config: TenantConfig) -> None:
    text = encode(config)
    decode("acme", 1, text)
    tracemalloc.start()
    read = decode("acme", 1, text)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert bytes_of(read) > taken * 2 / 3


def test_a_bound_holds_ten_thousand_small_configurations_and_some_large_ones() -> None:
    large = tenant(*(twilio(*with_numbers("a", 1000).senders["own"].numbers, key=f"s{place}") for place in range(10)))

    assert 10_000 * bytes_of(with_numbers("a", 5)) < MAX_BYTES
    assert 20 < MAX_BYTES // bytes_of(large) < 100


async def test_a_sender_is_sorted_once_for_each_channel_of_a_configuration() -> None:
    store = FakeStore(tenant(twilio(*NUMBERS)))
    cache = ConfigCache(store.load, RING)
    config = await cache.get("acme", 1)
    assert config is not None
    own = config.senders["own"]

    shortlist = await cache.shortlist(config, own, Channel.SMS)

    assert await cache.shortlist(config, own, Channel.SMS) is shortlist
    assert await cache.shortlist(config, own, Channel.VOICE) is not shortlist


async def test_concurrent_jobs_of_a_large_sender_sort_it_once() -> None:
    store = FakeStore(with_numbers("acme", 300))
    cache = ConfigCache(store.load, RING)
    config = await cache.get("acme", 1)
    assert config is not None

    found = await asyncio.gather(*(cache.shortlist(config, config.senders["own"], Channel.SMS) for _ in range(50)))

    assert len({id(one) for one in found}) == 1


async def test_a_job_in_hand_chooses_from_the_configuration_it_began_with() -> None:
    store = FakeStore(tenant(twilio(NUMBERS[0]), version=1))
    cache = ConfigCache(store.load, RING)
    former = await cache.get("acme", 1)
    store.configs["acme"] = tenant(twilio(NUMBERS[1]), version=2)
    latter = await cache.get("acme", 2)
    assert former is not None
    assert latter is not None

    chosen = [await cache.shortlist(one, one.senders["own"], Channel.SMS) for one in (former, latter)]

    ask = {"to": Recipient("+14155552671"), "country": "US", "sender_id": None}
    assert [one.first(**ask) for one in chosen] == [  # type: ignore[arg-type]
        Origin(OriginType.NUMBER, number.number) for number in NUMBERS
    ]


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
    cache = ConfigCache(FakeStore().load, RING, max_tokens=2)
    opened = [cache.account(tenant(*senders), sender).token for sender in senders]

    assert cache.account(tenant(*senders), senders[2]).token is opened[2]
    assert cache.account(tenant(*senders), senders[0]).token is not opened[0]


def test_credentials_sealed_with_another_key_name_their_sender() -> None:
    sender = twilio(sealed_secret=sealed("first"))
    cache = ConfigCache(FakeStore().load, KeyRing([Fernet.generate_key().decode()]))

    with pytest.raises(SecretUnreadable, match="sender own of tenant acme"):
        cache.account(tenant(sender), sender)
