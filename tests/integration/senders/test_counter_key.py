"""The key of counter names: one for an installation, never readable in Redis."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest
from cryptography.fernet import Fernet

from senders.counter_key import load_digester
from senders.secrets import KeyRing, SecretUnreadable
from tests.support.journal import TextRedis
from trunkline_client import keys

pytestmark = pytest.mark.integration

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


async def test_workers_that_start_together_and_later_name_counters_alike(redis: TextRedis) -> None:
    made = (f"key-{number}" for number in count())
    ring = KeyRing([OLD])

    digesters = await asyncio.gather(*(load_digester(redis, ring, new_key=lambda: next(made)) for _ in range(10)))
    later = await load_digester(redis, KeyRing([NEW, OLD]), new_key=lambda: "another")

    assert len({one.digest("subject") for one in (*digesters, later)}) == 1


async def test_the_key_is_sealed_in_redis(redis: TextRedis) -> None:
    await load_digester(redis, KeyRing([OLD]), new_key=lambda: "the key itself")

    stored = await redis.get(keys.COUNTER_KEY)
    assert stored.startswith("f1:")
    assert "the key itself" not in stored


async def test_a_ring_that_cannot_open_the_key_says_what_to_add(redis: TextRedis) -> None:
    await load_digester(redis, KeyRing([OLD]), new_key=lambda: "key")

    with pytest.raises(SecretUnreadable, match=r"add the key it was sealed with .* delete tl:counter_key"):
        await load_digester(redis, KeyRing([NEW]), new_key=lambda: "key")


async def test_a_secret_of_something_else_does_not_pass_for_the_key(redis: TextRedis) -> None:
    ring = KeyRing([OLD])
    await redis.set(keys.COUNTER_KEY, ring.seal("acme", "own", {}))

    with pytest.raises(SecretUnreadable):
        await load_digester(redis, ring, new_key=lambda: "key")
