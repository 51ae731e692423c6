"""A gateway's settings in words for an operator; its secret is not part of them."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

from providers.gateway_settings import Gateway, GatewayAuthentication, GatewayRequest

#: the values of other headers may be keys, so only a fingerprint tells whether they change.
_PLAIN_HEADERS: Final = frozenset({"accept", "content-type"})


def described_gateway(gateway: Gateway) -> Iterator[tuple[str, str]]:
    """Yield each field and what it says."""
    yield "authentication", _authentication(gateway.authentication)
    for request in sorted(gateway.requests, key=lambda one: one.channel):
        for name, text in _request(request):
            yield f"requests[{request.channel}]{name}", text


def _authentication(authentication: GatewayAuthentication) -> str:
    said = {
        "username": authentication.username,
        "auth_url": authentication.auth_url,
        "client_id": authentication.client_id,
        "header": authentication.header,
    }
    return " ".join([authentication.method, *(f"{name}={value}" for name, value in said.items() if value is not None)])


def _fingerprint(value: str) -> str:
    return blake2b(value.encode(), digest_size=3).hexdigest()


def _request(request: GatewayRequest) -> Iterator[tuple[str, str]]:
    yield "", f"{request.method} {request.url}"
    for name, value in request.headers:
        yield f".headers.{name}", value if name.lower() in _PLAIN_HEADERS else f"set ({_fingerprint(value)})"
    if request.body is not None:
        yield ".body", request.body
    yield ".number_format", request.number_format
    if request.before_tag:
        yield ".before_tag", request.before_tag
    if request.after_tag:
        yield ".after_tag", request.after_tag
