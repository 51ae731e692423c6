"""How a simulated gateway reads requests, and its table of operations."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl

from providers.simulators.endpoint import Dialect, Endpoint, RequestHead
from providers.simulators.gateway import handlers
from providers.simulators.gateway.access import secret_in
from providers.simulators.simulation import Simulation
from providers.simulators.wire import Answer, Refusal, WireRequest, as_json
from providers.simulators.world import SimulatedGateway

BASE_PATH: Final = "/gateway"
_BASE: Final = f"{BASE_PATH}/{{gateway}}"
Handler = Callable[[Simulation, SimulatedGateway, WireRequest], Answer | Refusal]


def read(simulation: Simulation, head: RequestHead, body: bytes) -> WireRequest:
    """Return the request: a query, and a form or a JSON object as its content type says."""
    account, secret = secret_in(simulation, head)
    query = dict(parse_qsl(head.query, keep_blank_values=True))
    fields = _fields(head, body)
    to = (fields or query).get("to")
    return WireRequest(
        provider=handlers.PROVIDER,
        operation=head.operation,
        method=head.method,
        path=head.path,
        origin=head.origin,
        request_id=simulation.new_hex(),
        path_values=head.path_values,
        query=query,
        fields=fields or {},
        well_formed=fields is not None,
        account=account,
        token=secret,
        recipient=f"+{to.removeprefix('+')}" if isinstance(to, str) else None,
    )


def refuse(_: Simulation, __: WireRequest, refusal: Refusal) -> Answer:
    """Return a refusal; a gateway has no form of its own for it, this is RFC 6749's."""
    return Answer(refusal.status, as_json({"error": str(refusal.code), "error_description": refusal.message}))


def _fields(head: RequestHead, body: bytes) -> Mapping[str, Any] | None:
    if not body:
        return {}
    if (head.header(b"content-type") or b"").startswith(b"application/json"):
        return _object(body)
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _object(body: bytes) -> Mapping[str, Any] | None:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _serving(handler: Handler) -> Callable[[Simulation, WireRequest], Answer]:
    def serve(simulation: Simulation, request: WireRequest) -> Answer:
        gateway = simulation.gateways.get(request.path_values["gateway"])
        known = gateway is not None and gateway.secret is not None
        if gateway is None or not known or (request.account, request.token) != (gateway.name, gateway.secret):
            return refuse(simulation, request, Refusal(401, "invalid_client", "the credentials are wrong"))
        result = handler(simulation, gateway, request)
        return refuse(simulation, request, result) if isinstance(result, Refusal) else result

    return serve


def _message(method: str, channel: str) -> Endpoint:
    handler = partial(handlers.take_message, channel)
    return Endpoint(method, f"{_BASE}/{channel}", f"{channel}.create", _serving(handler))


GATEWAY: Final = Dialect(
    provider=handlers.PROVIDER,
    read=read,
    refuse=refuse,
    endpoints=(
        *(_message(method, channel) for channel in ("sms", "voice") for method in ("GET", "POST")),
        Endpoint("POST", f"{_BASE}/token", "token.create", _serving(handlers.give_token)),
    ),
)
