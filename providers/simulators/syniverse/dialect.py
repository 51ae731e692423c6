"""How the simulated Syniverse reads requests, and its table of operations."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from providers.simulators.endpoint import Dialect, Endpoint, RequestHead
from providers.simulators.simulation import Simulation
from providers.simulators.syniverse import handlers
from providers.simulators.syniverse.bodies import VOICE_PREFIX
from providers.simulators.syniverse.errors import answer_anonymous, answer_refusal, refused
from providers.simulators.wire import Answer, Refusal, WireRequest

BASE_PATH: Final = "/scg-external-api/api/v1"


def read(simulation: Simulation, head: RequestHead, body: bytes) -> WireRequest:
    """Return the request in Syniverse's terms: a JSON object, a bearer token."""
    scheme, _, token = (head.header(b"authorization") or b"").partition(b" ")
    bearer = token.decode("latin-1") if scheme.lower() == b"bearer" else None
    account = simulation.syniverse_by_token.get(bearer or "")
    fields = _object(body)
    return WireRequest(
        provider=handlers.PROVIDER,
        operation=head.operation,
        method=head.method,
        path=head.path,
        origin=head.origin,
        request_id=simulation.new_hex(),
        path_values=head.path_values,
        query=dict(parse_qsl(head.query, keep_blank_values=True)),
        fields=fields or {},
        well_formed=fields is not None,
        account=account.name if account else None,
        token=bearer,
        recipient=_first_recipient(fields),
    )


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body) if body else {}
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _first_recipient(fields: Mapping[str, Any] | None) -> str | None:
    to = (fields or {}).get("to")
    first = to[0] if isinstance(to, list) and to else None
    return first.removeprefix(VOICE_PREFIX) if isinstance(first, str) else None


def refuse(_: Simulation, __: WireRequest, refusal: Refusal) -> Answer:
    """Return a refusal as Syniverse words it."""
    return answer_refusal(refusal)


def _serving(handler: handlers.Handler) -> Callable[[Simulation, WireRequest], Answer]:
    def serve(simulation: Simulation, request: WireRequest) -> Answer:
        if request.token is None:
            return answer_anonymous(simulation.world.syniverse_anonymous_body)
        account = simulation.syniverse_by_token.get(request.token)
        if account is None:
            return answer_refusal(refused("4010"))
        result = refused("4046") if account.token_expired else handler(simulation, account, request)
        return answer_refusal(result) if isinstance(result, Refusal) else result

    return serve


def _endpoint(method: str | None, path: str, operation: str, handler: handlers.Handler) -> Endpoint:
    return Endpoint(method, BASE_PATH + path, operation, _serving(handler))


SYNIVERSE: Final = Dialect(
    provider=handlers.PROVIDER,
    read=read,
    refuse=refuse,
    endpoints=(
        _endpoint("POST", "/messaging/message_requests", "message_requests.create", handlers.create_request),
        _endpoint("GET", "/messaging/message_requests", "message_requests.list", handlers.list_requests),
        _endpoint("GET", "/messaging/message_requests/{id}", "message_requests.fetch", handlers.fetch_request),
        _endpoint(
            "GET", "/messaging/message_requests/{id}/messages", "message_requests.messages", handlers.list_messages
        ),
        _endpoint("GET", "/messaging/sender_ids", "sender_ids.list", handlers.list_sender_ids),
        _endpoint("GET", "/messaging/channels", "channels.list", handlers.list_channels),
        _endpoint(None, "/{rest:path}", "unknown", handlers.answer_unknown),
    ),
)
