"""A producer's own OpenTelemetry, kept in memory, and the names of what is in a span."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

TRACE_ID, PARENT_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"


@cache
def producer_exporter() -> InMemorySpanExporter:
    """Return where the spans of this process's global tracer go; a process has one such tracer for ever."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


def traceparent_of(span: ReadableSpan) -> str:
    """Return the context of a span as W3C Trace Context writes it."""
    context = span.get_span_context()
    assert context is not None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def trace_ids(spans: Iterable[ReadableSpan]) -> set[str]:
    """Return the ids of the traces that spans belong to."""
    return {traceparent_of(span).split("-")[1] for span in spans}


def parent_id(span: ReadableSpan) -> str | None:
    """Return the id of a span's parent, None for a root."""
    return f"{span.parent.span_id:016x}" if span.parent else None


def span_id(span: ReadableSpan) -> str:
    """Return the id of a span."""
    return traceparent_of(span).split("-")[2]


def attributes(span: ReadableSpan) -> dict[str, Any]:
    """Return the attributes of a span."""
    return dict(span.attributes or {})
