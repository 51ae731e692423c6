from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from senders.document import encode
from senders.store import BATCH, ConfigConflict, ConfigStore, Replacement
from tests.support.sender_samples import phone, tenant, twilio
from trunkline_client import keys

pytestmark = pytest.mark.integration


def change(expected_version: int, *chain: str, name: str = "acme") -> Replacement:
    return Replacement(expected_version, encode(tenant(twilio(phone("+14155550100")), name=name, default_chain=chain)))


async def everything(redis: Redis) -> dict[str, object]:
    found: dict[str, object] = {str(key): await redis.hgetall(str(key)) for key in await redis.keys(keys.config("*"))}
    return {**found, "tenants": await redis.smembers(keys.TENANTS)}


async def test_a_saved_configuration_is_loaded_with_its_version(redis: Redis) -> None:
    store = ConfigStore(redis)

    assert await store.replace({"acme": change(0, "own")}, token="t1") == {"acme": 1}
    assert await store.load("acme") == tenant(twilio(phone("+14155550100")), default_chain=("own",), version=1)
    assert await store.version("acme") == 1


async def test_a_tenant_without_a_configuration_has_none(redis: Redis) -> None:
    store = ConfigStore(redis)

    assert await store.load("acme") is None
    assert await store.version("acme") == 0
    assert await store.tenants() == ()


async def test_versions_count_up_and_tenants_are_listed(redis: Redis) -> None:
    store = ConfigStore(redis)
    await store.replace({"b": change(0), "a": change(0)}, token="t1")

    assert await store.replace({"a": change(1)}, token="t2") == {"a": 2}
    assert await store.tenants() == ("a", "b")


async def test_a_few_of_very_many_tenants_are_named_at_once(redis: Redis) -> None:
    store = ConfigStore(redis)
    assert await store.some_tenants(2) == ()
    await store.replace({name: change(0, name=name) for name in "abc"}, token="t1")

    assert set(await store.some_tenants(9)) == {"a", "b", "c"}
    assert len(set(await store.some_tenants(2))) == 2


async def test_one_stale_version_changes_no_tenant(redis: Redis) -> None:
    store = ConfigStore(redis)
    await store.replace({"a": change(0), "b": change(0)}, token="t1")
    before = await everything(redis)

    with pytest.raises(ConfigConflict, match="tenant b"):
        await store.replace({"a": change(1, "own"), "b": change(0, "own"), "c": change(0)}, token="t2")
    assert await everything(redis) == before


async def test_the_same_replacement_twice_changes_nothing_and_answers_the_same(redis: Redis) -> None:
    store = ConfigStore(redis)
    changes = {"a": change(0, "own"), "b": change(0)}
    first = await store.replace(changes, token="t1")
    before = await everything(redis)

    assert await store.replace(changes, token="t1") == first
    assert await everything(redis) == before


async def test_a_replacement_resent_after_a_later_one_does_not_undo_it(redis: Redis) -> None:
    store = ConfigStore(redis)
    await store.replace({"a": change(0)}, token="t1")
    await store.replace({"a": change(1, "own")}, token="t2")

    assert await store.replace({"a": change(0)}, token="t1") == {"a": 1}
    assert await store.version("a") == 2


async def test_of_many_concurrent_replacements_of_one_version_one_wins(redis: Redis) -> None:
    store = ConfigStore(redis)
    calls = (store.replace({"a": change(0)}, token=f"t{index}") for index in range(10))

    results = await asyncio.gather(*calls, return_exceptions=True)

    assert sum(isinstance(result, dict) for result in results) == 1
    assert sum(isinstance(result, ConfigConflict) for result in results) == 9


async def test_no_changes_need_no_server(redis: Redis) -> None:
    assert await ConfigStore(redis).replace({}, token="t1") == {}
    assert await redis.dbsize() == 0


async def test_a_remembered_answer_does_not_stay_for_ever(redis: Redis) -> None:
    await ConfigStore(redis).replace({"a": change(0)}, token="t1")

    assert 0 < await redis.ttl(keys.config_answer("t1")) <= 86_400


async def round_trips(redis: Redis) -> int:
    """Return how many times clients have written to the server; `INFO` itself is one."""
    return int((await redis.info("stats"))["total_reads_processed"])


async def test_many_configurations_are_read_in_few_round_trips(redis: Redis) -> None:
    store = ConfigStore(redis)
    names = [f"t{index:03}" for index in range(4 * BATCH)]
    await store.replace({name: change(0, "own", name=name) for name in names}, token="t1")
    before = await round_trips(redis)

    loaded = await store.load_all([*names, "nobody"])
    summaries = [one async for one in store.summaries()]

    assert await round_trips(redis) - before <= 5 + 1 + 4 + 1
    assert list(loaded) == [*names, "nobody"]
    assert loaded["nobody"] is None
    assert loaded["t007"] == tenant(twilio(phone("+14155550100")), name="t007", default_chain=("own",), version=1)
    assert [one.tenant for one in summaries] == names


async def test_a_large_configuration_comes_back_whole(redis: Redis) -> None:
    store = ConfigStore(redis)
    large = tenant(twilio(*(phone(f"+1415555{index:04}") for index in range(2000))), version=1)
    await store.replace({"acme": Replacement(0, encode(large))}, token="t1")

    assert await store.load("acme") == large
