"""The transport of gateways: our own, with every address checked before anything connects to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_address
from ssl import SSLContext
from typing import Final

import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from providers.gateway_hosts import AddressNotAllowed, HostRules, plain
from providers.transport import AiohttpTransport

#: Returns every address of a host name; raises an OSError if there is none.
Resolve = Callable[[str], Awaitable[Sequence[str]]]

_THREADS: Final = 8
_NOT_PUBLIC: Final = "the host has an address that is not public"


class SystemResolver:
    """Asks the system for the addresses of a name, on threads of its own.

    The loop has few threads for this, and every provider's names are resolved on them: one tenant's slow name server
    must not keep the others from connecting to theirs.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="gateway-names")

    async def __call__(self, host: str) -> Sequence[str]:
        """Return every address of `host`; raises an OSError if it has none."""
        ask = partial(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return tuple(dict.fromkeys(str(address[0]) for *_, address in found))

    def close(self) -> None:
        """Take no more questions."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class CheckedResolver(AbstractResolver):
    """Resolves names to addresses that may be connected to, or to none: one bad address refuses the whole host."""

    def __init__(self, rules: HostRules, resolve: Resolve) -> None:
        self._rules = rules
        self._resolve = resolve

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - aiohttp's signature
    ) -> list[ResolveResult]:
        """Return the addresses of a host.

        Raises:
            AddressNotAllowed: one of them must not be reached.
            OSError: it has none.
        """
        addresses = await self._resolve(plain(host))
        if not all(self._rules.admits(host, address) for address in addresses):
            raise AddressNotAllowed(_NOT_PUBLIC)
        return [_result(host, address, port) for address in addresses]

    async def close(self) -> None:
        """Hold nothing, so close nothing."""


class GatewayTransport(httpx.AsyncBaseTransport):
    """Sends requests of gateways; belongs to one event loop.

    Args:
        rules: the operator's exceptions.
        resolve: how names are resolved; None means by the system.
        ssl_context: what to trust on https; None means the system's certificate authorities.
    """

    def __init__(
        self, rules: HostRules, *, resolve: Resolve | None = None, ssl_context: SSLContext | None = None
    ) -> None:
        self._rules = rules
        self._system = SystemResolver()
        self._resolver = CheckedResolver(rules, resolve or self._system)
        self._inner = AiohttpTransport(ssl_context=ssl_context, resolver=self._resolver)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the whole answer, or raise an `httpx.TransportError` whose class says whether bytes left.

        Raises:
            AddressNotAllowed: the host must not be reached; nothing was sent.
            LeaseLost: the check before the first byte failed; nothing was sent.
        """
        self._check(request.url)
        return await self._inner.handle_async_request(request)

    async def check(self, url: httpx.URL) -> None:
        """Resolve the host of an address, and check all it resolves to, without connecting.

        Raises:
            AddressNotAllowed: it must not be reached.
            OSError: it has no address.
        """
        self._check(url)
        await self._resolver.resolve(url.raw_host.decode("ascii"))  # the form aiohttp resolves, not the one people read

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()
        self._system.close()

    def _check(self, url: httpx.URL) -> None:
        """Check what needs no name server: aiohttp resolves no address that is written as one."""
        host = URL(str(url), encoded=True).raw_host or ""  # as aiohttp reads it
        if url.scheme != "https" and not self._rules.admits_plain_http(host):
            raise AddressNotAllowed("plain http is not allowed for this host")
        if not self._rules.admits_literal(host):
            raise AddressNotAllowed(_NOT_PUBLIC)


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET if ip_address(address).version == 4 else socket.AF_INET6  # noqa: PLR2004 - the version
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=family,
        proto=0,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
