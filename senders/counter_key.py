"""The installation's key of counter names: made once, kept in Redis sealed with the key ring."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from redis.asyncio import Redis

from senders.limits import Digester
from senders.secrets import KeyRing
from trunkline_client import keys
from trunkline_client.private import Private


async def load_digester(redis: Redis, ring: KeyRing, *, new_key: Callable[[], str]) -> Digester:
    """Return what names the counters of this installation; its key is made if there is none yet.

    Args:
        redis: a client whose answers are text.
        ring: seals and opens the key.
        new_key: makes a random one of 32 bytes or more; of several workers that start together, one wins.

    Raises:
        SecretUnreadable: the ring cannot open the stored key.
    """
    if not await redis.exists(keys.COUNTER_KEY):
        await redis.set(keys.COUNTER_KEY, ring.seal_counter_key(Private(new_key())), nx=True)
    sealed = cast("str", await redis.get(keys.COUNTER_KEY))
    return Digester(ring.open_counter_key(sealed))
