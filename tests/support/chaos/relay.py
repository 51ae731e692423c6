"""TCP relays between a worker and a server: they pass on every piece, lose it, or hold all of them back."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine
from contextlib import suppress
from enum import Enum, auto
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from tests.support.redis_server import HOST

Result = TypeVar("Result")

_PIECE: Final = 1 << 16
_WAIT_S: Final = 10.0


class Way(Enum):
    """What becomes of a piece: it passes, or is lost with its connection."""

    PASS = auto()
    LOSE = auto()


class Watcher:
    """Sees every piece; this one passes all of them."""

    def request(self, piece: bytes) -> Way:
        """Return what becomes of a piece from the worker."""
        return Way.PASS

    def answer(self, request: bytes, piece: bytes) -> Way:
        """Return what becomes of a piece from the server; `request` is what the worker sent last before it."""
        return Way.PASS


class RelayThread:
    """The event loop of all relays of a test, on a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relays", daemon=True)
        self.relays: list[Relay] = []

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run `work` on the loop and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_WAIT_S)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for relay in self.relays:
            self.run(relay.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_WAIT_S)
        self._loop.close()


class Relay:
    """One loopback port before the server on another.

    Args:
        thread: where it runs.
        server_port: the loopback port it leads to.
        watcher: sees every piece.
    """

    def __init__(self, thread: RelayThread, server_port: int, watcher: Watcher | None = None) -> None:
        self._server_port = server_port
        self._watcher = watcher or Watcher()
        self._thread = thread
        self._is_cut = False
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._listener = socket.create_server((HOST, 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self._server: asyncio.Server = thread.run(asyncio.start_server(self._accept, sock=self._listener))
        thread.relays.append(self)

    def cut(self) -> None:
        """Close every connection, and every new one, until `mend`."""
        self._is_cut = True
        self._thread.run(self._abort_all())

    def mend(self) -> None:
        """Let connections through again."""
        self._is_cut = False

    def freeze(self) -> None:
        """Keep connections open and pass nothing on, until `thaw`; no end learns of it."""
        self._thread.run(self._set_flowing(flowing=False))

    def thaw(self) -> None:
        """Pass on what was held back."""
        self._thread.run(self._set_flowing(flowing=True))

    async def close(self) -> None:
        """End every connection and listen no more."""
        self._is_cut = True
        self._server.close()
        self._flowing.set()
        while self._writers:
            await self._abort_all()
            await asyncio.sleep(0)

    async def _set_flowing(self, *, flowing: bool) -> None:
        if flowing:
            self._flowing.set()
        else:
            self._flowing.clear()

    async def _abort_all(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        try:
            server_reader, server_writer = await asyncio.open_connection(HOST, self._server_port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, server_writer}
        carrying = _Carrying(self._watcher, self._flowing)
        ways = [
            asyncio.create_task(carrying.requests(reader, server_writer)),
            asyncio.create_task(carrying.answers(server_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            writer.transport.abort()
            server_writer.transport.abort()
            self._writers -= {writer, server_writer}


class _Carrying:
    """The two directions of one connection."""

    def __init__(self, watcher: Watcher, flowing: asyncio.Event) -> None:
        self._watcher = watcher
        self._flowing = flowing
        self._last_request = b""

    async def requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(_PIECE):
                await self._flowing.wait()
                self._last_request = piece
                if self._watcher.request(piece) is Way.LOSE:
                    return
                writer.write(piece)
                await writer.drain()

    async def answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(_PIECE):
                await self._flowing.wait()
                if self._watcher.answer(self._last_request, piece) is Way.LOSE:
                    return
                writer.write(piece)
                await writer.drain()
