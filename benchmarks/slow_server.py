"""A loopback HTTP server that answers every POST after a fixed delay; prints its port, ends with its standard input.

It parses no more than it must: what it costs is taken from the client that is measured, since both share the machine.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final

DELAY_S: Final = 0.05
BODY: Final = b'{"sid": "SM%s", "status": "queued", "padding": "%s"}' % (b"0" * 32, b"x" * 650)
ANSWER: Final = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)
) + BODY


class SlowAnswer(asyncio.Protocol):
    """Counts whole requests on one connection and answers each after the delay."""

    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - asyncio gives a stream protocol nothing else
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        if separator and len(body) >= length:
            self._received = b""
            asyncio.get_running_loop().call_later(DELAY_S, self._answer)

    def _answer(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(ANSWER)


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(SlowAnswer, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
