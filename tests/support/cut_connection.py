"""A proxy before a Redis server that loses one request, or the answer to one, and whoever asked if a test wants."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from threading import Lock, Thread

from tests.support.redis_server import HOST

_PIECE = 1 << 20
_LOOK_S = 0.02


class Lost(Enum):
    """What the server never gets, or the client."""

    REQUEST = auto()
    ANSWER = auto()


@dataclass
class Cut:
    """Which exchange is lost: `at` counts the pieces that clients send, from 1; 0 loses none.

    Attributes:
        then: called at that moment, before the connection is closed.
        seen: how many pieces have come.
    """

    at: int
    lost: Lost
    then: Callable[[], None] = lambda: None
    seen: int = 0
    _lock: Lock = field(default_factory=Lock)

    def is_now(self) -> bool:
        """Count a piece, and return whether it is the one to lose."""
        with self._lock:
            self.seen += 1
            return self.seen == self.at


@contextmanager
def cutting_proxy(port: int, cut: Cut) -> Iterator[str]:
    """Give the address of a proxy before the server on `port`, for the length of the block."""
    threads: list[Thread] = []
    with socket.create_server((HOST, 0)) as listener:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    threads.append(Thread(target=_carry, args=(client, port, cut)))
                    threads[-1].start()

        accepting = Thread(target=accept)
        accepting.start()
        try:
            yield f"redis://{HOST}:{listener.getsockname()[1]}/0"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for thread in (accepting, *threads):
                thread.join()


def _carry(client: socket.socket, port: int, cut: Cut) -> None:
    """Carry bytes both ways until one side closes, or the cut."""
    with client, socket.create_connection((HOST, port)) as server, suppress(OSError):
        while True:
            for side in select.select([client, server], [], [], _LOOK_S)[0]:
                piece = side.recv(_PIECE)
                if not piece:
                    return
                if side is server:
                    client.sendall(piece)
                elif cut.is_now():
                    if cut.lost is Lost.ANSWER:
                        server.sendall(piece)
                        server.recv(_PIECE)
                    cut.then()
                    return
                else:
                    server.sendall(piece)
