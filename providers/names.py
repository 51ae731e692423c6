"""The addresses of the providers' names: asked for once at a time, and kept for a while."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiohappyeyeballs import AddrInfoType

Addresses = Sequence[AddrInfoType]
#: Returns the addresses of a host and port; raises an OSError if there are none.
Ask = Callable[[str, int], Awaitable[Addresses]]

#: an address that was taken out of service is left soon; aiohttp keeps names as long.
_KEPT_S: Final = 10.0


async def ask_system(host: str, port: int) -> Addresses:
    """Return what the system says; raises an OSError if it knows no address."""
    loop = asyncio.get_running_loop()
    return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)


class Names:
    """A burst of new connections to one host asks for its addresses once. Belongs to one event loop.

    Args:
        ask: who knows them.
        kept_s: how long they are kept, in seconds.
    """

    def __init__(self, ask: Ask = ask_system, *, kept_s: float = _KEPT_S) -> None:
        self._ask = ask
        self._kept_s = kept_s
        self._asked: dict[tuple[str, int], tuple[float, asyncio.Future[Addresses]]] = {}

    async def resolve(self, host: str, port: int) -> Addresses:
        """Return the addresses of a host; raises what `ask` raises, which is not kept."""
        now = asyncio.get_running_loop().time()
        asked_at, answer = self._asked.get((host, port), (now, None))
        if answer is None or (answer.done() and (now - asked_at >= self._kept_s or not _is_good(answer))):
            answer = asyncio.ensure_future(self._ask(host, port))
            answer.add_done_callback(_is_good)  # an error is for those who still wait, not for the log
            self._asked[host, port] = (now, answer)
        return await asyncio.shield(answer)  # whoever gives up leaves it to the others


def _is_good(answer: asyncio.Future[Addresses]) -> bool:
    return not answer.cancelled() and answer.exception() is None
