"""Tells of a collector that is away: once when it goes, and once when it is back."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

_log = structlog.get_logger("trunkline.tracing")


class OutageToldOnce(SpanExporter):
    """An exporter that writes two lines for each outage; it is called by one thread at a time."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self._lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Hand the spans on, and tell if that has begun to fail or to work again."""
        result = self._inner.export(spans)
        if result is not SpanExportResult.SUCCESS:
            if not self._lost:
                _log.warning("tracing.export_failed", why="the collector did not take spans; jobs are not affected")
            self._lost += len(spans)
        elif self._lost:
            _log.info("tracing.export_resumed", lost=self._lost)
            self._lost = 0
        return result

    def shutdown(self) -> None:
        """End the exporter within."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Return whether the exporter within holds nothing back."""
        return self._inner.force_flush(timeout_millis)
