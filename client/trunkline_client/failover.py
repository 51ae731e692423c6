"""Connections that leave a server which is no master any more, and pools that wait for a free connection.

After a failover a connection may still lead to the old master, which is a replica now, or to one that is cut off from
its master. Such an answer becomes a connection error: the command is repeated on a new connection, and that asks the
Sentinels, or the name server, again.
"""

from __future__ import annotations

from inspect import signature
from typing import Any, Final

import redis
import redis.asyncio
from redis.asyncio import sentinel as async_sentinel
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MasterDownError, NoPermissionError, OutOfMemoryError, ReadOnlyError, ResponseError
from redis.retry import Retry
from redis.sentinel import SentinelConnectionPool, SentinelManagedConnection

from trunkline_client.packing import PacksInC

#: how Redis 6.2 shows what stopped a script: `Error running script (call to f_...): @user_script:1: -READONLY You ...`
_WRAPPED_NO_MASTER: Final = (": -READONLY ", ": -MASTERDOWN ")
_WRAPPED_FULL: Final = ": -OOM "
#: how Redis 7 and 6.2 say that an access list stopped a script.
_DENIED: Final = ("ACL failure in script: ", "The user executing the script can't ")
#: too few replicas, or a disk that cannot be written: both pass, and nothing was changed.
_NO_WRITES: Final = ("NOREPLICAS ", "MISCONF ")
#: whether this redis-py can close idle connections alone.
_CAN_SPARE: Final = "inuse_connections" in signature(redis.BlockingConnectionPool.disconnect).parameters


#: a command is sent at most four times; every script of ours may be sent again with equal arguments.
RETRIES: Final = 3
BACKOFF_BASE_S: Final = 0.05
BACKOFF_CAP_S: Final = 0.5


class NoWrites(RedisConnectionError):
    """The server takes no writes at present."""


def backoff() -> ExponentialWithJitterBackoff:
    """Return the pauses between two tries."""
    return ExponentialWithJitterBackoff(base=BACKOFF_BASE_S, cap=BACKOFF_CAP_S)


def translated(error: ResponseError) -> RedisConnectionError | ResponseError:
    """Return the error to raise for a server's refusal; the same one if there is nothing to say about it."""
    text = str(error)
    if isinstance(error, ReadOnlyError | MasterDownError) or any(code in text for code in _WRAPPED_NO_MASTER):
        return RedisConnectionError("this server is no master any more")
    if text.startswith(_NO_WRITES) or any(f": -{code}" in text for code in _NO_WRITES):
        return NoWrites("this server takes no writes at present")
    if _WRAPPED_FULL in text:
        return OutOfMemoryError(text)
    if any(words in text for words in _DENIED):
        return NoPermissionError(text)
    return error


class _Leaves:
    """What every blocking connection does with an error."""

    retry: Any  # redis-py's own attribute

    def connect(self) -> None:
        """Connect; a server that does not answer in time is tried once.

        redis-py 8.1 tries a new connection four times, and that again for each of the four times that it sends a
        command: a server that accepts and never answers held a producer for 82 s. Now it is told after 5.
        """
        whole, self.retry = self.retry, Retry(backoff(), RETRIES, (RedisConnectionError,))
        try:
            super().connect()  # type: ignore[misc]
        finally:
            self.retry = whole

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().read_response(*arguments, **options)  # type: ignore[misc]  # of the connection it is mixed into
        except ResponseError as error:
            found = translated(error)
            if found is error:
                raise
            if isinstance(found, RedisConnectionError):
                self.disconnect()  # type: ignore[attr-defined]
            raise found from error


class _AsyncLeaves:
    """The same for asyncio."""

    retry: Any

    async def connect(self) -> None:
        whole, self.retry = self.retry, AsyncRetry(backoff(), RETRIES, (RedisConnectionError,))
        try:
            await super().connect()  # type: ignore[misc]
        finally:
            self.retry = whole

    async def read_response(self, *arguments: Any, **options: Any) -> Any:
        try:
            return await super().read_response(*arguments, **options)  # type: ignore[misc]
        except ResponseError as error:
            found = translated(error)
            if found is error:
                raise
            if isinstance(found, RedisConnectionError):
                await self.disconnect()  # type: ignore[attr-defined]
            raise found from error


class Connection(_Leaves, redis.Connection):
    """To a plain server."""


class TlsConnection(_Leaves, redis.SSLConnection):
    """To a plain server over TLS."""


class SentinelConnection(_Leaves, SentinelManagedConnection):
    """To the master that Sentinels name."""


class SentinelPool(SentinelConnectionPool, redis.BlockingConnectionPool):
    """Connections to the master that Sentinels name; who finds none free waits for one."""

    def disconnect(self, inuse_connections: bool = True) -> None:
        """Close idle connections, and those in use too if asked for; redis-py 6 always closes all."""
        super().disconnect(**({"inuse_connections": inuse_connections} if _CAN_SPARE else {}))


class AsyncConnection(_AsyncLeaves, PacksInC, redis.asyncio.Connection):
    """To a plain server."""


class AsyncTlsConnection(_AsyncLeaves, PacksInC, redis.asyncio.SSLConnection):
    """To a plain server over TLS."""


class AsyncSentinelConnection(_AsyncLeaves, PacksInC, async_sentinel.SentinelManagedConnection):
    """To the master that Sentinels name."""


class AsyncSentinelPool(async_sentinel.SentinelConnectionPool, redis.asyncio.BlockingConnectionPool):
    """Connections to the master that Sentinels name; who finds none free waits for one."""
