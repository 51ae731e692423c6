"""A TCP server on loopback whose every connection is played by a script of the test: truth about bytes, not HTTP."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Script = Callable[["Connection"], Awaitable[None]]

EMPTY_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@dataclass
class Connection:
    """One accepted connection, as its script sees it."""

    server: ScriptedServer
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def read_request(self) -> bytes:
        """Return one whole request, headers and body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        body = await self.reader.readexactly(int(lengths[0].split(b":")[1]) if lengths else 0)
        self.server.requests.append(head + body)
        return head + body

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def hang(self) -> None:
        """Keep the connection open and silent until the other side closes it."""
        self.server.silent.set()
        await self.reader.read()

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@dataclass
class ScriptedServer:
    """What the server saw."""

    port: int = 0
    connections: int = 0
    broken_off: int = 0
    requests: list[bytes] = field(default_factory=list)
    silent: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """The http address of the server."""
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def scripted_server(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedServer]:
    """Run a server whose connections follow `script`, and close it and all its connections at the end."""
    state = ScriptedServer()
    playing: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        playing[task] = writer
        state.connections += 1
        try:
            await script(Connection(state, reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            state.broken_off += 1  # the client went away, which several tests are about
        finally:
            writer.close()
            state.closed.set()
            del playing[task]

    server = await asyncio.start_server(play, "127.0.0.1", 0, ssl=tls)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for writer in playing.values():
            writer.transport.abort()
        await asyncio.gather(*playing)
