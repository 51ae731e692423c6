"""From a gateway's settings and one message to the HTTP request that hands it over."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import httpx

from providers.gateway_settings import AuthMethod, GatewayAuthentication, GatewayRequest
from providers.gateway_template import UnfitValue, fill_form, fill_json, fill_url, names_in
from trunkline_client.errors import TrunklineError
from trunkline_client.private import Token


class NotBuildable(TrunklineError):
    """The message cannot be put into the gateway's request."""


def names_of(settings: GatewayRequest) -> frozenset[str]:
    """Return the names of the variables that a request uses."""
    return names_in(settings.url) | names_in(settings.body or "")


def build(
    client: httpx.AsyncClient, settings: GatewayRequest, values: Mapping[str, str], credentials: Mapping[str, str]
) -> httpx.Request:
    """Return the request, filled in.

    Args:
        client: what will send it.
        settings: the gateway's request for the message's channel.
        values: the variables' values.
        credentials: the headers that prove who asks.

    Raises:
        NotBuildable: the values do not fit into an address.
    """
    try:
        return client.build_request(
            settings.method.value,
            fill_url(settings.url, values),
            headers=[*settings.headers, *credentials.items()],
            content=_body(settings, values),
        )
    except (UnfitValue, httpx.InvalidURL, UnicodeError):  # the last: a host that is no valid Punycode
        raise NotBuildable("the message does not fit into the gateway's address") from None  # the cause quotes it


def credentials(authentication: GatewayAuthentication, secret: Token) -> dict[str, str]:
    """Return the headers that carry a secret; for `oauth2` the secret is the access token."""
    match authentication.method:
        case AuthMethod.BASIC:
            pair = f"{authentication.username}:{secret.reveal()}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        case AuthMethod.CUSTOM_HEADER:
            return {authentication.header or "": secret.reveal()}
        case _:
            return {"Authorization": f"Bearer {secret.reveal()}"}


def _body(settings: GatewayRequest, values: Mapping[str, str]) -> bytes | None:
    if settings.body is None:
        return None
    fill = fill_json if settings.is_json else fill_form
    return fill(settings.body, values).encode()
