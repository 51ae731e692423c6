"""How the simulated Twilio reads requests, and its table of operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final
from urllib.parse import parse_qsl

from providers.simulators.endpoint import Dialect, Endpoint, RequestHead
from providers.simulators.simulation import Simulation
from providers.simulators.twilio import handlers
from providers.simulators.twilio.access import FETCH_ACCOUNT, admitted, read_basic
from providers.simulators.twilio.errors import answer_refusal
from providers.simulators.wire import Answer, Refusal, WireRequest
from providers.simulators.world import TwilioNumberKind

_UNAUTHORIZED: Final = 401
_CHALLENGE: Final = (b"www-authenticate", b'Basic realm="Twilio API"')
_ACCOUNT: Final = "/2010-04-01/Accounts/{account}"
_NUMBERS: Final = f"{_ACCOUNT}/IncomingPhoneNumbers"
_SERVICE: Final = "/v1/Services/{service}"


def read(simulation: Simulation, head: RequestHead, body: bytes) -> WireRequest:
    """Return the request in Twilio's terms: a form, Basic credentials."""
    account, token = read_basic(head.header(b"authorization"))
    fields = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)) if body else {}
    return WireRequest(
        provider=handlers.PROVIDER,
        operation=head.operation,
        method=head.method,
        path=head.path,
        origin=head.origin,
        request_id=simulation.new_hex(),
        path_values=head.path_values,
        query=dict(parse_qsl(head.query, keep_blank_values=True)),
        fields=fields,
        account=account,
        token=token,
        recipient=fields.get("To"),
    )


def refuse(_: Simulation, request: WireRequest, refusal: Refusal) -> Answer:
    """Return a refusal as Twilio words it."""
    headers = (_CHALLENGE,) if refusal.status == _UNAUTHORIZED else ()
    return _identified(answer_refusal(refusal, headers), request)


def _identified(answer: Answer, request: WireRequest) -> Answer:
    identity = (
        (b"twilio-request-id", f"RQ{request.request_id}".encode()),
        (b"twilio-request-duration", b"0.001"),
        (b"twilio-concurrent-requests", b"1"),
        (b"x-api-domain", b"api.twilio.com"),
        (b"x-home-region", b"us1"),
    )
    return replace(answer, headers=(*answer.headers, *identity))


def _serving(handler: handlers.Handler) -> Callable[[Simulation, WireRequest], Answer]:
    def serve(simulation: Simulation, request: WireRequest) -> Answer:
        account = admitted(simulation, request)
        result = account if isinstance(account, Refusal) else handler(simulation, account, request)
        return refuse(simulation, request, result) if isinstance(result, Refusal) else _identified(result, request)

    return serve


def _endpoint(method: str | None, path: str, operation: str, handler: handlers.Handler) -> Endpoint:
    return Endpoint(method, path, operation, _serving(handler))


TWILIO: Final = Dialect(
    provider=handlers.PROVIDER,
    read=read,
    refuse=refuse,
    endpoints=(
        _endpoint("POST", f"{_ACCOUNT}/Messages.json", "messages.create", handlers.create_message),
        _endpoint("POST", f"{_ACCOUNT}/Calls.json", "calls.create", handlers.create_call),
        _endpoint("GET", f"{_ACCOUNT}/Messages.json", "messages.list", handlers.list_messages),
        _endpoint("GET", f"{_ACCOUNT}/Calls.json", "calls.list", handlers.list_calls),
        _endpoint("GET", f"{_ACCOUNT}/Messages/{{sid}}.json", "messages.fetch", handlers.fetch_message),
        _endpoint("GET", f"{_ACCOUNT}/Calls/{{sid}}.json", "calls.fetch", handlers.fetch_call),
        _endpoint("GET", f"{_NUMBERS}.json", "numbers.list", handlers.list_numbers(None)),
        *(
            _endpoint("GET", f"{_NUMBERS}/{name}.json", "numbers.list", handlers.list_numbers(kind))
            for name, kind in (
                ("Local", TwilioNumberKind.LOCAL),
                ("Mobile", TwilioNumberKind.MOBILE),
                ("TollFree", TwilioNumberKind.TOLL_FREE),
            )
        ),
        _endpoint("GET", f"{_ACCOUNT}/SMS/ShortCodes.json", "short_codes.list", handlers.list_short_codes),
        _endpoint("GET", f"{_ACCOUNT}.json", FETCH_ACCOUNT, handlers.fetch_account),
        _endpoint("GET", "/v1/Services", "services.list", handlers.list_services),
        _endpoint("GET", _SERVICE, "services.fetch", handlers.fetch_service),
        _endpoint("GET", f"{_SERVICE}/PhoneNumbers", "services.numbers", handlers.list_pool("phone_numbers")),
        _endpoint("GET", f"{_SERVICE}/ShortCodes", "services.short_codes", handlers.list_pool("short_codes")),
        _endpoint("GET", f"{_SERVICE}/AlphaSenders", "services.alpha_senders", handlers.list_pool("alpha_senders")),
        _endpoint(None, "/2010-04-01/{rest:path}", "unknown", handlers.answer_unknown),
        _endpoint(None, "/v1/{rest:path}", "unknown", handlers.answer_unknown),
    ),
)
