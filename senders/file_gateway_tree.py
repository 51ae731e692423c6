"""A gateway in the form of a file; see `senders.file_tree`."""

from __future__ import annotations

from typing import Any

from providers.gateway_settings import SECRET_OF, Gateway, GatewayAuthentication, GatewayRequest, NumberFormat


def gateway_tree(gateway: Gateway, reference: str) -> dict[str, Any]:
    """Return what a file says about a gateway; `reference` stands for its credential.

    The requests are written as they are: their `${...}` are variables of messages.
    """
    return {
        "authentication": _authentication(gateway.authentication, reference),
        "requests": [_request(one) for one in gateway.requests],
    }


def _authentication(authentication: GatewayAuthentication, reference: str) -> dict[str, Any]:
    named = {
        "username": authentication.username,
        "auth_url": authentication.auth_url,
        "client_id": authentication.client_id,
        "header": authentication.header,
    }
    told = {name: value for name, value in named.items() if value is not None}
    return {"method": authentication.method.value, **told, SECRET_OF[authentication.method]: reference}


def _request(request: GatewayRequest) -> dict[str, Any]:
    tree: dict[str, Any] = {"channel": request.channel.value, "method": request.method.value, "url": request.url}
    if request.headers:
        tree["headers"] = dict(request.headers)
    if request.body is not None:
        tree["body"] = request.body
    if request.number_format is not NumberFormat.FULL:
        tree["number_format"] = request.number_format.value
    tags = {"before_tag": request.before_tag, "after_tag": request.after_tag}
    return tree | {name: tag for name, tag in tags.items() if tag}
