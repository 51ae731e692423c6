"""Connections to the providers' hosts: the names resolved, opened when none is free, and kept for the next request."""

from __future__ import annotations

import asyncio
import socket
from collections import defaultdict
from collections.abc import Sequence
from ssl import SSLContext, create_default_context
from typing import Final, NamedTuple

from aiohappyeyeballs import AddrInfoType, start_connection

from providers.post_connection import Connection, Limits

#: RFC 8305, 5: how long one address is tried before the next one is tried beside it.
_NEXT_ADDRESS_AFTER_S: Final = 0.25
#: a burst of new connections asks once, and an address that was taken out of service is left soon.
_NAME_KEPT_S: Final = 10.0


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
        self._ssl_context = ssl_context
        self._names = _Names()
        self._idle: defaultdict[Peer, list[Connection]] = defaultdict(list)
        self._all: set[Connection] = set()

    def idle(self, peer: Peer) -> Connection | None:
        """Return the free connection that was used last, None if there is none: it is the least likely to be stale."""
        free = self._idle[peer]
        while free:
            connection = free.pop()
            if connection.is_open:
                return connection
        return None

    async def open(self, peer: Peer) -> Connection:
        """Return a new connection, TLS included; raises what the resolver, the sockets and TLS raise."""
        context = self._trust() if peer.is_tls else None
        free = self._idle[peer]
        loop = asyncio.get_running_loop()
        addresses = await self._names.resolve(peer.host, peer.port)
        sock = await start_connection(addresses, happy_eyeballs_delay=_NEXT_ADDRESS_AFTER_S, interleave=1, loop=loop)
        _, connection = await loop.create_connection(
            lambda: Connection(self._limits, rest=free.append, forget=self._all.discard),
            sock=sock,
            ssl=context,
            server_hostname=peer.host if context else None,
        )
        self._all.add(connection)
        return connection

    async def aclose(self) -> None:
        """Close every connection."""
        self._names.close()
        for connection in tuple(self._all):
            connection.abort()
        await asyncio.sleep(0)  # lets the sockets close

    def _trust(self) -> SSLContext:
        if self._ssl_context is None:
            self._ssl_context = create_default_context()
            self._ssl_context.set_alpn_protocols(["http/1.1"])
        return self._ssl_context


class _Names:
    """The addresses of names, each asked for once at a time and kept for a while."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, int], tuple[float, asyncio.Task[Sequence[AddrInfoType]]]] = {}

    async def resolve(self, host: str, port: int) -> Sequence[AddrInfoType]:
        """Return the addresses of a host; raises an OSError if it has none."""
        loop = asyncio.get_running_loop()
        asked_at, answer = self._asked.get((host, port), (0.0, None))
        if answer is None or (answer.done() and (loop.time() - asked_at > _NAME_KEPT_S or not _is_good(answer))):
            answer = loop.create_task(_ask(host, port))
            answer.add_done_callback(_is_good)  # an error is for those who still wait, not for the log
            self._asked[host, port] = (loop.time(), answer)
        return await asyncio.shield(answer)  # others wait for the same answer

    def close(self) -> None:
        """Ask no more."""
        for _, answer in self._asked.values():
            answer.cancel()


async def _ask(host: str, port: int) -> Sequence[AddrInfoType]:
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
    )
    return tuple(found)


def _is_good(answer: asyncio.Task[Sequence[AddrInfoType]]) -> bool:
    return not answer.cancelled() and answer.exception() is None
