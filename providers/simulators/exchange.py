"""One exchange over ASGI: read, count, strike, serve, answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from starlette.types import Receive, Scope, Send

from providers.simulators.endpoint import Dialect, Endpoint, RequestHead
from providers.simulators.faults import FaultKind, Struck
from providers.simulators.playing import Stage, play, write
from providers.simulators.simulation import Simulation
from providers.simulators.wire import Answer, Refusal, WireRequest


class Exchange:
    """The ASGI app of one operation of one provider."""

    def __init__(self, simulation: Simulation, dialect: Dialect, endpoint: Endpoint) -> None:
        self._simulation = simulation
        self._dialect = dialect
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or play the fault that strikes it."""
        body = await _read_body(receive)
        if body is None:
            return
        request = self._dialect.read(self._simulation, _head(scope, self._endpoint.operation), body)
        self._simulation.ledger.requests[f"{request.provider} {request.operation}"] += 1
        struck = self._simulation.faults.strike(request)
        try:
            await self._answer(request, struck, Stage(scope, receive, send))
        except asyncio.CancelledError:
            # Only a stopping server cancels an exchange, and by then the connection is gone.
            return

    async def _answer(self, request: WireRequest, struck: Struck, stage: Stage) -> None:
        if struck.delay_s:
            await asyncio.sleep(struck.delay_s)
        plan = struck.plan
        if plan is not None and not plan.accept_first:
            await play(plan, struck.pause_s, self._refusal(request, struck), stage)
            return
        answer = self._serve(request, struck)
        if struck.late_delay_s:
            await asyncio.sleep(struck.late_delay_s)
        if plan is None:
            await write(stage.send, answer)
        elif plan.kind is FaultKind.ANSWER:
            await play(plan, struck.pause_s, self._refusal(request, struck), stage)
        else:
            await play(plan, struck.pause_s, answer, stage)

    def _serve(self, request: WireRequest, struck: Struck) -> Answer:
        if struck.listed_after_s:
            request = replace(request, listed_after_s=struck.listed_after_s)
        answer = self._endpoint.serve(self._simulation, request)
        fault = struck.plan.kind if struck.plan is not None else FaultKind.DELAY if struck.late_delay_s else None
        if fault is not None:
            for sequence in answer.accepted:
                self._simulation.ledger.blame(sequence, fault.value)
        return answer

    def _refusal(self, request: WireRequest, struck: Struck) -> Answer:
        """Return the refusal that the fault plan words, as this provider words its errors."""
        plan = struck.plan
        assert plan is not None, "only called for a struck request"  # noqa: S101 - for the type checker
        answer = self._dialect.refuse(self._simulation, request, Refusal(plan.status, plan.code, plan.message))
        if plan.retry_after_s is None:
            return answer
        return replace(answer, headers=(*answer.headers, (b"retry-after", str(plan.retry_after_s).encode())))


async def _read_body(receive: Receive) -> bytes | None:
    """Return the request's body, or None if the caller left before it was whole."""
    message = await receive()
    if message["type"] != "http.request":
        return None
    body: bytes = message.get("body", b"")
    while message.get("more_body", False):
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
    return body


def _head(scope: Scope, operation: str) -> RequestHead:
    host = next((value for name, value in scope["headers"] if name == b"host"), b"localhost")
    return RequestHead(
        operation=operation,
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        origin=f"{scope['scheme']}://{host.decode('latin-1')}",
        path_values=scope["path_params"],
        headers=scope["headers"],
    )
