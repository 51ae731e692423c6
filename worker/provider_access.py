"""The providers as the settings describe them, for workers and commands alike."""

from __future__ import annotations

from providers.registry import Endpoints, Providers, Timeouts, Wrap
from worker.settings import Settings


def providers_of(settings: Settings, timeouts: Timeouts | None = None, wrap: Wrap | None = None) -> Providers:
    """Return every provider at the addresses of the settings; the caller closes them."""
    endpoints = Endpoints(
        twilio_api_url=settings.twilio_api_url,
        twilio_messaging_url=settings.twilio_messaging_url,
        syniverse_api_url=settings.syniverse_api_url,
    )
    return Providers(endpoints, timeouts=timeouts, gateways=settings.gateway_access, wrap=wrap)
