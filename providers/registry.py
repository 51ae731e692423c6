"""Every provider of a process, over one pool of connections."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from ssl import SSLContext

import httpx

from providers.http import keep_urls_out_of_logs
from providers.protocol import Kind, Provider
from providers.syniverse import Syniverse
from providers.syniverse_api import SyniverseApi
from providers.transport import AiohttpTransport
from providers.twilio import Twilio
from providers.twilio_api import TwilioApi
from trunkline_client.errors import TrunklineError


class KindNotOffered(TrunklineError):
    """No provider of this kind is built in."""


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


class Providers:
    """Every provider of this process; opens its connections inside the running event loop, and belongs to it.

    Args:
        endpoints: where the providers are.
        timeouts: how long the steps of a call may take.
        transport: what carries the requests; None means our own over aiohttp.
        ssl_context: what to trust on https; None means the system's certificate authorities.
        now_s: returns the time, in seconds since 1970.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        *,
        timeouts: Timeouts | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        ssl_context: SSLContext | None = None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        keep_urls_out_of_logs()
        limits = timeouts or Timeouts()
        self._client = httpx.AsyncClient(
            transport=transport or AiohttpTransport(ssl_context=ssl_context),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(limits.read_s, connect=limits.connect_s),
            headers={
                "User-Agent": f"trunkline/{version('trunkline')}",
                "Accept": "application/json",
                "Accept-Encoding": "identity",  # answers are small, and nothing compressed can unfold in our memory
            },
        )
        twilio = Twilio(
            TwilioApi(self._client, endpoints.twilio_api_url, endpoints.twilio_messaging_url), limits.verify_s
        )
        self._by_kind: dict[Kind, Provider] = {
            Kind.TWILIO: twilio,
            Kind.TWILIO_MESSAGING_SERVICE: twilio,
            Kind.SYNIVERSE: Syniverse(SyniverseApi(self._client, endpoints.syniverse_api_url), limits.verify_s, now_s),
        }

    def for_kind(self, kind: Kind) -> Provider:
        """Return the provider that talks to accounts of this kind.

        Raises:
            KindNotOffered: none is built in; gateways come with a later version.
        """
        provider = self._by_kind.get(kind)
        if provider is None:
            raise KindNotOffered(f"senders of kind {kind} cannot be used in this version of Trunkline")
        return provider

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()
