"""The one parser of `TRUNKLINE_REDIS_URL` and the one factory of Redis clients.

Forms: `redis://[user:password@]host[:port][/db]`, `rediss://` (the same over TLS, certificate checked) and
`sentinel://[user:password@]host:port,host:port/SERVICE[/db]`, where the credentials are those of Redis itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry
from redis.sentinel import Sentinel

from trunkline_client.errors import SettingsInvalid
from trunkline_client.failover import (
    RETRIES,
    AsyncConnection,
    AsyncSentinelConnection,
    AsyncSentinelPool,
    AsyncTlsConnection,
    Connection,
    SentinelConnection,
    SentinelPool,
    TlsConnection,
    backoff,
)
from trunkline_client.private import Token

VARIABLE: Final = "TRUNKLINE_REDIS_URL"
FORMS: Final = (
    "redis://[user:password@]host:port/db, rediss://... for TLS, or "
    "sentinel://[user:password@]host:port,host:port/SERVICE/db (percent-encode special characters in a password)"
)
REDIS_PORT: Final = 6379
SENTINEL_PORT: Final = 26379
#: the options a `rediss://` address may carry: files of a private authority and of a client certificate.
TLS_OPTIONS: Final = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})

SOCKET_TIMEOUT_S: Final = 5.0
CONNECT_TIMEOUT_S: Final = 2.0
HEALTH_CHECK_INTERVAL_S: Final = 10
#: "still loading" and "no master any more" arrive as connection errors too.
RETRIED: Final = (RedisConnectionError, RedisTimeoutError)


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where Redis is; its text form hides the password.

    Attributes:
        nodes: (host, port) of the server, or of every Sentinel.
        service: the master's name at the Sentinels; None for a plain server.
        tls_options: values for `TLS_OPTIONS`, as pairs.
    """

    nodes: tuple[tuple[str, int], ...]
    database: int = 0
    username: str | None = None
    password: Token | None = None
    tls: bool = False
    tls_options: tuple[tuple[str, str], ...] = ()
    service: str | None = None

    def __str__(self) -> str:
        """Return the address as an operator may see it, without credentials."""
        scheme = "sentinel" if self.service else ("rediss" if self.tls else "redis")
        hosts = ",".join(f"{_bracketed(host)}:{port}" for host, port in self.nodes)
        path = f"{self.service}/{self.database}" if self.service else str(self.database)
        return f"{scheme}://{hosts}/{path}"


def parse(redis_url: str, *, name: str = VARIABLE) -> RedisAddress:
    """Return the address `redis_url` names.

    Args:
        redis_url: one of the three forms.
        name: what the error calls the setting.

    Raises:
        SettingsInvalid: it is none of the forms; the text says what is wrong, names the setting and lists the forms.
    """
    try:
        return _parse(redis_url.strip())
    except ValueError as error:
        # urlsplit and int quote what they could not read, and that may be a password: only our own texts are shown.
        reason = str(error) if isinstance(error, _BadAddress) else "it is no address"
        raise SettingsInvalid(f"{name}: {reason}; use {FORMS}") from None


def open_sync(
    redis_url: str, *, client_name: str = "trunkline-client", max_connections: int = 64, name: str = VARIABLE
) -> redis.Redis:
    """Return a blocking client that answers in text; it connects on first use.

    Args:
        redis_url: as `parse` takes it.
        client_name: what `CLIENT LIST` shows.
        max_connections: how many commands may be under way; another waits for one to end.
        name: what an error calls the setting.
    """
    address = parse(redis_url, name=name)
    options = _client_options(address, client_name) | {"retry": Retry(backoff(), RETRIES, RETRIED)}
    if address.service:
        sentinel = Sentinel(list(address.nodes), sentinel_kwargs=_sentinel_options(Retry(backoff(), 0)))
        kinds = {"connection_pool_class": SentinelPool, "connection_class": SentinelConnection}
        master: redis.Redis = sentinel.master_for(address.service, **options, **kinds, **_limits(max_connections))
        return master
    kind = TlsConnection if address.tls else Connection
    limits = _limits(max_connections)
    pool = redis.BlockingConnectionPool(connection_class=kind, **_node(address), **options, **limits)
    return redis.Redis.from_pool(pool)


def open_async(
    redis_url: str, *, client_name: str = "trunkline-client", max_connections: int = 128, name: str = VARIABLE
) -> redis.asyncio.Redis:
    """Return an asyncio client that answers in text; it connects on first use and belongs to one event loop.

    Args:
        redis_url: as `parse` takes it.
        client_name: what `CLIENT LIST` shows.
        max_connections: how many commands may be under way; another waits for one to end.
        name: what an error calls the setting.
    """
    address = parse(redis_url, name=name)
    options = _client_options(address, client_name) | {"retry": AsyncRetry(backoff(), RETRIES, RETRIED)}
    if address.service:
        sentinel = AsyncSentinel(list(address.nodes), sentinel_kwargs=_sentinel_options(AsyncRetry(backoff(), 0)))
        kinds = {"connection_pool_class": AsyncSentinelPool, "connection_class": AsyncSentinelConnection}
        master: redis.asyncio.Redis = sentinel.master_for(
            address.service, **options, **kinds, **_limits(max_connections)
        )
        return master
    kind = AsyncTlsConnection if address.tls else AsyncConnection
    limits = _limits(max_connections)
    pool = redis.asyncio.BlockingConnectionPool(connection_class=kind, **_node(address), **options, **limits)
    return redis.asyncio.Redis.from_pool(pool)


def celery_broker(redis_url: str, *, name: str = VARIABLE) -> tuple[str, dict[str, Any]]:
    """Return what Celery needs to reach the same server: `broker_url` and the transport options that name it.

    The URL carries the password, so it must not be printed.
    """
    address = parse(redis_url, name=name)
    login = ""
    if address.password is not None:
        login = f"{quote(address.username or '', safe='')}:{quote(address.password.reveal(), safe='')}@"
    if address.service:
        url = ";".join(
            f"sentinel://{login}{_bracketed(host)}:{port}/{address.database}" for host, port in address.nodes
        )
        # redis-py's own retries made a worker start 26 s later for one dead Sentinel
        options = {**_timeouts(), "retry": Retry(backoff(), 0)}
        return url, {"master_name": address.service, "sentinel_kwargs": options}
    (host, port) = address.nodes[0]
    location = f"{login}{_bracketed(host)}:{port}/{address.database}"
    if not address.tls:
        return f"redis://{location}", {}
    # Without options kombu takes `rediss` to mean TLS with any certificate.
    return f"rediss://{location}?{urlencode([('ssl_cert_reqs', 'required'), *address.tls_options])}", {}


class _BadAddress(ValueError):
    """Why an address cannot be used, in words that quote nothing of it."""


def _parse(text: str) -> RedisAddress:
    parts = urlsplit(text)
    if parts.scheme not in {"redis", "rediss", "sentinel"}:
        raise _BadAddress("its scheme is none of redis, rediss and sentinel")
    if parts.fragment:
        raise _BadAddress("it has a #")
    login, _, hosts = parts.netloc.rpartition("@")
    username, _, password = login.partition(":")
    if username and not password:
        raise _BadAddress("it has a user without a password (a password alone is written :password@)")
    sentinel = parts.scheme == "sentinel"
    default_port = SENTINEL_PORT if sentinel else REDIS_PORT
    nodes = tuple(_host_and_port(host, default_port) for host in (hosts.split(",") if sentinel else [hosts]))
    path = [unquote(part) for part in parts.path.strip("/").split("/") if part]
    if sentinel and not path:
        raise _BadAddress("it names no service")
    service = path.pop(0) if sentinel else None
    return RedisAddress(
        nodes=nodes,
        database=_database(path),
        username=unquote(username) or None,
        password=Token(unquote(password)) if password else None,
        tls=parts.scheme == "rediss",
        tls_options=_tls_options(parts.query, tls=parts.scheme == "rediss"),
        service=service,
    )


def _host_and_port(text: str, default_port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname or "," in text:
        raise _BadAddress("a host is missing or cannot be read")
    try:
        port = parts.port
    except ValueError:
        raise _BadAddress("a port is no number from 1 to 65535") from None
    if port == 0:
        raise _BadAddress("a port is no number from 1 to 65535")
    return parts.hostname, port or default_port


def _database(path: list[str]) -> int:
    if not path:
        return 0
    if len(path) > 1 or not (path[0].isascii() and path[0].isdigit()):
        raise _BadAddress("its database is no number")
    return int(path[0])


def _tls_options(query: str, *, tls: bool) -> tuple[tuple[str, str], ...]:
    options = parse_qsl(query, keep_blank_values=True)
    if any(option not in TLS_OPTIONS for option, _ in options) or (options and not tls):
        raise _BadAddress(f"after ? only {', '.join(sorted(TLS_OPTIONS))} are known, with rediss")
    return tuple(options)


def _client_options(address: RedisAddress, client_name: str) -> dict[str, Any]:
    return {
        "db": address.database,
        "username": address.username,
        "password": address.password.reveal() if address.password else None,
        "socket_keepalive": True,
        "health_check_interval": HEALTH_CHECK_INTERVAL_S,
        "client_name": client_name,
        "decode_responses": True,
        "protocol": 2,  # the same answers from every server and every redis-py we accept
        **_timeouts(),
    }


def _node(address: RedisAddress) -> dict[str, Any]:
    host, port = address.nodes[0]
    return {"host": host, "port": port, **dict(address.tls_options)}


def _limits(max_connections: int) -> dict[str, Any]:
    return {"max_connections": max_connections, "timeout": SOCKET_TIMEOUT_S}


def _timeouts() -> dict[str, Any]:
    return {"socket_timeout": SOCKET_TIMEOUT_S, "socket_connect_timeout": CONNECT_TIMEOUT_S}


def _sentinel_options(retry: Retry | AsyncRetry) -> dict[str, Any]:
    """A Sentinel that does not answer is passed over at once: the next one knows as much."""
    return {**_timeouts(), "retry": retry, "decode_responses": True}


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
