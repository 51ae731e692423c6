"""Every provider of a process: Twilio and Syniverse over one pool of connections, gateways over one of their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from ssl import SSLContext, create_default_context

import httpx

from providers.gateway import Gateways
from providers.gateway_hosts import PUBLIC_ONLY, HostRules
from providers.gateway_tokens import TokenCache
from providers.gateway_transport import GatewayTransport
from providers.http import keep_urls_out_of_logs
from providers.post_transport import PostTransport
from providers.posting import Poster
from providers.protocol import Kind, Provider
from providers.syniverse import Syniverse
from providers.syniverse_api import SyniverseApi
from providers.transport import AiohttpTransport
from providers.twilio import Twilio
from providers.twilio_api import TwilioApi

Wrap = Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the providers are; the settings have checked these addresses.

    Attributes:
        twilio_api_url: the origin of Twilio's 2010 API; version paths are ours.
        twilio_messaging_url: the origin of Twilio's Messaging v1 API.
        syniverse_api_url: Syniverse's SCG API with its base path.
    """

    twilio_api_url: str = "https://api.twilio.com"
    twilio_messaging_url: str = "https://messaging.twilio.com"
    syniverse_api_url: str = "https://api.syniverse.com/scg-external-api/api/v1"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long one step of a call may take, in seconds; a request's own deadline bounds the whole.

    Attributes:
        connect_s: name, TCP and TLS together.
        read_s: the silence after the request was written, and between two parts of the answer.
        verify_s: one request of a verification.
    """

    connect_s: float = 3.0
    read_s: float = 15.0
    verify_s: float = 15.0


@dataclass(frozen=True, slots=True)
class GatewayAccess:
    """Where gateways may be.

    Attributes:
        hosts: the hosts that need not be public.
        ca_file: a PEM file of authorities to trust besides the system's; None for none.
    """

    hosts: HostRules = PUBLIC_ONLY
    ca_file: str | None = None

    def ssl_context(self) -> SSLContext | None:
        """Return what to trust, None for the system's; raises an OSError if the file is none or has no certificate."""
        if self.ca_file is None:
            return None
        context = create_default_context()
        context.load_verify_locations(self.ca_file)
        return context


class Providers:
    """Every provider of this process; opens its connections inside the running event loop, and belongs to it.

    Args:
        endpoints: where the providers are.
        timeouts: how long the steps of a call may take.
        transport: what carries the requests; None means our own over aiohttp.
        ssl_context: what to trust on https; None means the system's certificate authorities.
        gateways: where gateways may be; None means at public hosts.
        wrap: what is put around each transport to watch the calls; None for nothing.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        *,
        timeouts: Timeouts | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        ssl_context: SSLContext | None = None,
        gateways: GatewayAccess | None = None,
        wrap: Wrap | None = None,
    ) -> None:
        keep_urls_out_of_logs()
        limits = timeouts or Timeouts()
        watched = wrap or _as_it_is
        self._client = _client(watched(transport or AiohttpTransport(ssl_context=ssl_context)), limits)
        self._posts = watched(
            transport or PostTransport(connect_s=limits.connect_s, read_s=limits.read_s, ssl_context=ssl_context)
        )
        poster = Poster(self._posts, tuple((name.encode(), value.encode()) for name, value in _headers().items()))
        access = gateways or GatewayAccess()
        gateway_transport = GatewayTransport(access.hosts, ssl_context=access.ssl_context())
        self._gateway_client = _client(watched(gateway_transport), limits, accept="*/*")
        self._tokens = TokenCache(self._gateway_client, deadline_s=limits.verify_s, monotonic=time.monotonic)
        twilio = Twilio(
            TwilioApi(self._client, poster, endpoints.twilio_api_url, endpoints.twilio_messaging_url), limits.verify_s
        )
        self._by_kind: dict[Kind, Provider] = {
            Kind.TWILIO: twilio,
            Kind.TWILIO_MESSAGING_SERVICE: twilio,
            Kind.SYNIVERSE: Syniverse(SyniverseApi(self._client, poster, endpoints.syniverse_api_url), limits.verify_s),
            Kind.GATEWAY: Gateways(
                self._gateway_client,
                self._tokens,
                gateway_transport.check,
                limits.verify_s,
                time.monotonic,
            ),
        }

    def for_kind(self, kind: Kind) -> Provider:
        """Return the provider that talks to accounts of this kind."""
        return self._by_kind[kind]

    async def aclose(self) -> None:
        """Close every connection."""
        await self._tokens.aclose()
        await self._client.aclose()
        await self._posts.aclose()
        await self._gateway_client.aclose()


def _as_it_is(transport: httpx.AsyncBaseTransport) -> httpx.AsyncBaseTransport:
    return transport


def _client(
    transport: httpx.AsyncBaseTransport, limits: Timeouts, *, accept: str = "application/json"
) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=transport,
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(limits.read_s, connect=limits.connect_s),
        headers=_headers(accept),
    )


def _headers(accept: str = "application/json") -> dict[str, str]:
    return {
        "User-Agent": f"trunkline/{version('trunkline')}",
        "Accept": accept,
        "Accept-Encoding": "identity",  # answers are small, and nothing compressed can unfold in our memory
    }
