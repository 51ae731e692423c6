"""How each fault looks on the wire. Resets and closes need the connection itself, not only ASGI."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

from starlette.types import Receive, Scope, Send

from providers.simulators.faults import FaultKind, FaultPlan
from providers.simulators.wire import Answer

#: The key of `scope["state"]` under which the server puts the connection of a request.
TRANSPORT: Final = "transport"
_CHUNK: Final = b" " * 65_536
_LINGER_ZERO: Final = struct.pack("ii", 1, 0)
#: Long enough on loopback for bytes to be read before the reset that would discard them.
_BEFORE_RESET_S: Final = 0.02
_HTML: Final = b"<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Bad gateway</h1></body></html>"


class Stage(NamedTuple):
    """Where a fault is played: one ASGI exchange."""

    scope: Scope
    receive: Receive
    send: Send

    @property
    def transport(self) -> asyncio.Transport:
        """The connection the request came over."""
        transport: asyncio.Transport = self.scope["state"][TRANSPORT]
        return transport

    async def caller_gone(self) -> None:
        """Wait until the connection is closed, by whichever side."""
        while (await self.receive())["type"] != "http.disconnect":
            pass


async def write(send: Send, answer: Answer) -> None:
    """Send a whole answer."""
    await _start(send, answer.status, (*answer.headers, (b"content-length", str(len(answer.body)).encode())))
    await send({"type": "http.response.body", "body": answer.body})


async def play(plan: FaultPlan, pause_s: float, answer: Answer, stage: Stage) -> None:
    """Play one fault.

    Args:
        plan: the fault.
        pause_s: the delay drawn for it.
        answer: the served answer if the request was accepted first, else the refusal the plan words.
        stage: the exchange.
    """
    await _PLAYS[plan.kind](plan, pause_s, answer, stage)


def reset(transport: asyncio.BaseTransport) -> None:
    """Close a connection with a TCP reset: lingering for zero seconds makes the kernel send RST instead of FIN."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


async def _start(send: Send, status: int, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})


async def _answer(_: FaultPlan, __: float, answer: Answer, stage: Stage) -> None:
    await write(stage.send, answer)


async def _hang(_: FaultPlan, __: float, ___: Answer, stage: Stage) -> None:
    await stage.caller_gone()


async def _reset(_: FaultPlan, __: float, ___: Answer, stage: Stage) -> None:
    reset(stage.transport)
    await stage.caller_gone()


async def _close(_: FaultPlan, __: float, ___: Answer, stage: Stage) -> None:
    stage.transport.close()
    await stage.caller_gone()


async def _junk(plan: FaultPlan, _: float, __: Answer, stage: Stage) -> None:
    await write(stage.send, Answer(plan.status, _HTML, ((b"content-type", b"text/html"),)))


async def _not_http(_: FaultPlan, __: float, ___: Answer, stage: Stage) -> None:
    stage.transport.write(b"\x15\x03\x01 this is not HTTP\r\n\r\n")
    stage.transport.close()
    await stage.caller_gone()


async def _huge(plan: FaultPlan, _: float, answer: Answer, stage: Stage) -> None:
    await _start(stage.send, plan.status, answer.headers)
    for sent in range(0, plan.size_bytes, len(_CHUNK)):
        chunk = _CHUNK[: plan.size_bytes - sent]
        await stage.send({"type": "http.response.body", "body": chunk, "more_body": True})
    await stage.send({"type": "http.response.body", "body": b""})


async def _half(answer: Answer, stage: Stage) -> None:
    await _start(stage.send, answer.status, (*answer.headers, (b"content-length", str(len(answer.body)).encode())))
    half = answer.body[: len(answer.body) // 2]
    await stage.send({"type": "http.response.body", "body": half, "more_body": True})


async def _cut_off(_: FaultPlan, __: float, answer: Answer, stage: Stage) -> None:
    await _half(answer, stage)
    stage.transport.close()
    await stage.caller_gone()


async def _cut_off_by_reset(_: FaultPlan, __: float, answer: Answer, stage: Stage) -> None:
    await _half(answer, stage)
    await asyncio.sleep(_BEFORE_RESET_S)
    reset(stage.transport)
    await stage.caller_gone()


async def _slow_body(_: FaultPlan, pause_s: float, answer: Answer, stage: Stage) -> None:
    await _start(stage.send, answer.status, (*answer.headers, (b"content-length", str(len(answer.body)).encode())))
    for index in range(len(answer.body)):
        await stage.send({"type": "http.response.body", "body": answer.body[index : index + 1], "more_body": True})
        await asyncio.sleep(pause_s)
    await stage.send({"type": "http.response.body", "body": b""})


_PLAYS: Final[Mapping[FaultKind, Callable[[FaultPlan, float, Answer, Stage], Awaitable[None]]]] = {
    FaultKind.ANSWER: _answer,
    FaultKind.HANG: _hang,
    FaultKind.RESET: _reset,
    FaultKind.CLOSE: _close,
    FaultKind.JUNK: _junk,
    FaultKind.NOT_HTTP: _not_http,
    FaultKind.HUGE: _huge,
    FaultKind.CUT_OFF: _cut_off,
    FaultKind.CUT_OFF_BY_RESET: _cut_off_by_reset,
    FaultKind.SLOW_BODY: _slow_body,
}
