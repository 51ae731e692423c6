"""A loopback server that speaks as much of Twilio and Syniverse as sending takes; run as a process of its own.

It parses no more than it must, since what it costs is taken from the worker that is measured: both share the machine.
It answers each POST after a delay, keeps what it got with the time of receipt, and tells all that on a second port,
one line of JSON for each line of JSON. It prints both ports, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, cast
from urllib.parse import parse_qs

#: CLOCK_MONOTONIC, which all processes of a machine share: what a producer scheduled can be subtracted from it.
clock_ns: Final = time.monotonic_ns
_CREATED: Final = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
_REFUSED: Final = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
#: as long as Twilio's answer to a create.
_MESSAGE: Final = b'{"sid": "SM%032x", "id": "%d", "status": "queued", "padding": "' + b"x" * 650 + b'"}'
_REFUSAL: Final = b'{"code": %d, "message": "Refused by the benchmark", "status": 400}'


@dataclass(slots=True)
class Ledger:
    """What the provider got and how it answers; one for all connections.

    Attributes:
        latency_s: how long it takes to answer.
        refused: the code that each of these Twilio accounts is refused with.
        requests: when each POST was received, its path and its body.
        most_open: how many requests were open at the same time, at most.
    """

    latency_s: float = 0.05
    refused: dict[bytes, int] = field(default_factory=dict)
    requests: list[tuple[int, bytes, bytes]] = field(default_factory=list)
    ids: Iterator[int] = field(default_factory=lambda: count(1))
    open: int = 0
    most_open: int = 0

    def take(self, path: bytes, body: bytes) -> bytes:
        """Note a request and return the answer that is due after the latency."""
        self.requests.append((clock_ns(), path, body))
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        code = self.refused.get(path.split(b"/", 4)[3]) if self.refused and b"/Accounts/" in path else None
        if code is not None:
            content = _REFUSAL % code
            return _REFUSED % (len(content), content)
        number = next(self.ids)  # also after the rest is forgotten: a worker knows the ids of its attempts again
        content = _MESSAGE % (number, number)
        return _CREATED % (len(content), content)

    def tell(self, question: dict[str, Any]) -> object:
        """Return the answer to one question of the second port.

        Args:
            question: `ask` says what is wanted, the other names are its arguments.
        """
        match question["ask"]:
            case "count":
                mark = question["containing"].encode()
                return sum(mark in body for _, _, body in self.requests) if mark else len(self.requests)
            case "open":
                return {"open": self.open, "most_open": self.most_open}
            case "received":
                return [read(*request) for request in self.requests]
            case "configure":
                self.latency_s = question["latency_s"]
                self.refused = {account.encode(): code for account, code in question["refused"].items()}
                self.requests = []
                self.most_open = self.open
                return None
            case unknown:
                raise ValueError(unknown)


def read(received_ns: int, path: bytes, body: bytes) -> dict[str, Any]:
    """Return who was asked to send what, and when, from a request as it was received."""
    if b"/Accounts/" in path:
        form = parse_qs(body.decode())
        provider, recipient, text = "twilio", form["To"][0], form["Body"][0]
    else:
        document = json.loads(body)
        provider, recipient, text = "syniverse", document["to"][0], document["body"]
    return {"ns": received_ns, "provider": provider, "to": recipient, "body": text}


class Conversation(asyncio.Protocol):
    """One connection of a client that sends its next request when it has the answer, as all of the measured do."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._received = b""
        self._transport: asyncio.WriteTransport | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is one in all but its class

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
        if len(body) < length:
            return
        self._received = b""
        answer = self._ledger.take(head.split(b" ", 2)[1], body)
        self._loop.call_later(self._ledger.latency_s, self._answer, answer)

    def _answer(self, answer: bytes) -> None:
        self._ledger.open -= 1
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


async def _serve() -> None:
    ledger = Ledger()
    loop = asyncio.get_running_loop()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(json.dumps(ledger.tell(json.loads(line))).encode() + b"\n")
            await writer.drain()
        writer.close()

    sending = await loop.create_server(lambda: Conversation(ledger), "127.0.0.1", 0, backlog=2048)
    telling = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(*(server.sockets[0].getsockname()[1] for server in (sending, telling)), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


def main() -> None:
    """Serve until standard input ends."""
    with suppress(ImportError):
        import uvloop  # noqa: PLC0415 - it makes the provider cheaper where there is one

        uvloop.install()
    asyncio.run(_serve())


if __name__ == "__main__":
    main()
