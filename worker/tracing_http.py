"""A transport whose calls are spans of kind CLIENT."""

from __future__ import annotations

from typing import Final

import httpx
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from worker.tracing_spans import fail, going_on

_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_FIRST_ERROR: Final = 400


class TracedTransport(httpx.AsyncBaseTransport):
    """Spans each request within the current trace.

    Method, status and host are told. The address is not: its path has the account in it, and the query of a lookup the
    recipient. Nothing is added to the request, so that providers learn nothing of our traces.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, tracer: trace.Tracer) -> None:
        self._inner = inner
        self._tracer = tracer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer of the transport within, or raise what it raises."""
        if not trace.get_current_span().get_span_context().is_valid:
            return await self._inner.handle_async_request(request)
        span = self._tracer.start_span(request.method, kind=SpanKind.CLIENT, attributes=_attributes(request))
        with going_on(span):
            response = await self._inner.handle_async_request(request)
            span.set_attribute("http.response.status_code", response.status_code)
            if response.status_code >= _FIRST_ERROR:
                fail(span, str(response.status_code))
            return response

    async def aclose(self) -> None:
        """Close the transport within."""
        await self._inner.aclose()


def _attributes(request: httpx.Request) -> dict[str, str | int]:
    port = request.url.port or _DEFAULT_PORTS.get(request.url.scheme, 0)
    return {"http.request.method": request.method, "server.address": request.url.host, "server.port": port}
