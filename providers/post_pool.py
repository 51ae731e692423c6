"""Connections to the providers' hosts: the names resolved, opened when none is free, and kept for the next request."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from functools import cache, partial
from ssl import SSLContext, create_default_context
from typing import Final, NamedTuple

from aiohappyeyeballs import start_connection

from providers.departure import DepartureRefused
from providers.names import Names
from providers.post_connection import Connection, Limits

#: RFC 8305, 5: how long one address is tried before the next one is tried beside it.
_NEXT_ADDRESS_AFTER_S: Final = 0.25


class Peer(NamedTuple):
    """Where a connection leads."""

    is_tls: bool
    host: str
    port: int


class Pool:
    """All connections of one event loop. It has no limit: the caller's concurrency is the limit.

    Args:
        limits: the times and sizes of a connection.
        ssl_context: what to trust on https; None means the system's certificate authorities.
    """

    def __init__(self, limits: Limits, *, ssl_context: SSLContext | None) -> None:
        self._limits = limits
        self._ssl_context = ssl_context or _system_trust()
        self._is_closed = False
        self._names = Names()
        #: in the order in which they came to rest; a connection that closes meanwhile leaves at once.
        self._idle: defaultdict[Peer, dict[Connection, None]] = defaultdict(dict)
        self._all: set[Connection] = set()

    def idle(self, peer: Peer) -> Connection | None:
        """Return the free connection that was used last, None if there is none: it is the least likely to be stale."""
        free = self._idle[peer]
        while free:
            connection, _ = free.popitem()
            if connection.is_fresh:
                return connection
            connection.abort()
        return None

    async def open(self, peer: Peer) -> Connection:
        """Return a new connection, TLS included; raises what the resolver, the sockets and TLS raise.

        Raises:
            DepartureRefused: the pool is closed, or was meanwhile.
        """
        context = self._ssl_context if peer.is_tls else None
        loop = asyncio.get_running_loop()
        addresses = await self._names.resolve(peer.host, peer.port)
        sock = await start_connection(addresses, happy_eyeballs_delay=_NEXT_ADDRESS_AFTER_S, interleave=1, loop=loop)
        _, connection = await loop.create_connection(
            partial(self._connection, self._idle[peer]),
            sock=sock,
            ssl=context,
            server_hostname=peer.host if context else None,
        )
        if self._is_closed:
            connection.abort()
            raise DepartureRefused("the pool was closed before the request left")
        if connection.is_open:  # one that has closed by now has been forgotten already
            self._all.add(connection)
        return connection

    def _connection(self, idle: dict[Connection, None]) -> Connection:
        def forget(connection: Connection) -> None:
            idle.pop(connection, None)
            self._all.discard(connection)

        return Connection(self._limits, rest=idle.setdefault, forget=forget)

    async def aclose(self) -> None:
        """Close every connection; what is still connecting is not sent any more."""
        self._is_closed = True
        for connection in tuple(self._all):
            connection.abort()
        await asyncio.sleep(0)  # lets the sockets close


@cache
def _system_trust() -> SSLContext:
    """Return what trusts the system's authorities: 30 ms to read, in which a running loop would stand still."""
    context = create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
