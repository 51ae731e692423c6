"""What an administrator configures of a gateway: how to authenticate, and one HTTP request per channel. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from providers.gateway_template import names_in, origin_of
from trunkline_client.words import Channel


class AuthMethod(StrEnum):
    """How a gateway wants its caller to prove who it is; each has exactly one secret."""

    BASIC = "basic"
    BEARER = "bearer"
    OAUTH2 = "oauth2"
    CUSTOM_HEADER = "custom_header"


#: what each method calls its secret.
SECRET_OF: Final[Mapping[AuthMethod, str]] = MappingProxyType(
    {
        AuthMethod.BASIC: "password",
        AuthMethod.BEARER: "token",
        AuthMethod.OAUTH2: "client_secret",
        AuthMethod.CUSTOM_HEADER: "header_value",
    }
)


class HttpMethod(StrEnum):
    """How a message is handed over: in the address, or in a body."""

    GET = "GET"
    POST = "POST"


class NumberFormat(StrEnum):
    """How numbers are written: `+14155552671`, or the digits only."""

    FULL = "full"
    NUMBER_ONLY = "number_only"


@dataclass(frozen=True, slots=True)
class GatewayAuthentication:
    """The method and all that is no secret; the secret is the sender's token.

    Attributes:
        username: of `basic`.
        auth_url: of `oauth2`: where a token is fetched with client credentials.
        client_id: of `oauth2`.
        header: of `custom_header`: the name of the header that carries the secret.
    """

    method: AuthMethod
    username: str | None = None
    auth_url: str | None = None
    client_id: str | None = None
    header: str | None = None


@dataclass(frozen=True, slots=True)
class GatewayRequest:
    """The request that hands over a message of one channel.

    Attributes:
        url: a template; scheme, host and port are plain text.
        headers: names and values as they are sent.
        body: a template, form or JSON as the content type says; None for a GET.
        before_tag: what goes before each digit of a spoken code.
        after_tag: what goes after each digit of a spoken code.
    """

    channel: Channel
    method: HttpMethod
    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: str | None = field(default=None, repr=False)
    number_format: NumberFormat = NumberFormat.FULL
    before_tag: str = ""
    after_tag: str = ""

    @property
    def takes_from(self) -> bool:
        """Whether it has a place for the number or sender ID a message comes from."""
        return "from" in names_in(self.url) | names_in(self.body or "")

    @property
    def is_json(self) -> bool:
        """Whether the body is JSON; else it is a form."""
        types = [value for name, value in self.headers if name.lower() == "content-type"]
        return bool(types) and types[0].partition(";")[0].strip().lower() == "application/json"


@dataclass(frozen=True, slots=True)
class Gateway:
    """A custom HTTP provider; it has one request for each channel of its sender."""

    authentication: GatewayAuthentication
    requests: tuple[GatewayRequest, ...]

    def request_for(self, channel: Channel) -> GatewayRequest | None:
        """Return the request of a channel, None if the gateway does not carry it."""
        return next((one for one in self.requests if one.channel is channel), None)

    @property
    def urls(self) -> tuple[str, ...]:
        """Every address this gateway is reached at, that of its tokens included; those of requests are templates."""
        auth_url = self.authentication.auth_url
        return (*(request.url for request in self.requests), *((auth_url,) if auth_url else ()))


def origins_of(gateway: Gateway) -> frozenset[str]:
    """Return scheme, host in lower case and port of every address that a gateway's credential is sent to."""
    return frozenset(map(_origin, gateway.urls))


def _origin(url: str) -> str:
    parts = urlsplit(origin_of(url))
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{parts.hostname}:{port}"
