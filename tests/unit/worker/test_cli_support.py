"""How a command tells that Redis did not do it."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError, OutOfMemoryError, RedisError

from worker.cli.support import RedisUnavailable, run_with_redis


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (RedisConnectionError("secret"), "Redis cannot be reached"),
        (OutOfMemoryError("secret"), "Redis is full"),
        (NoPermissionError("secret"), "Redis does not allow it to this user"),
    ],
)
def test_a_refusal_of_redis_is_one_line_without_its_own_words(
    monkeypatch: pytest.MonkeyPatch, error: RedisError, why: str
) -> None:
    monkeypatch.setenv("TRUNKLINE_REDIS_URL", "redis://:secret@127.0.0.1:1/0")

    async def refused(_: Redis) -> None:
        raise error

    with pytest.raises(RedisUnavailable) as caught:
        run_with_redis(refused)

    assert str(caught.value) == f"{why} (TRUNKLINE_REDIS_URL names redis://127.0.0.1:1/0)"
