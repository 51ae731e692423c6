"""Tracing with OpenTelemetry: the flow's spans in its conventions, sent by a thread of their own over OTLP and HTTP.

Only ids, names, states and codes are put into a span: no recipient, text, header or path, and of an error its class.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import version
from typing import Final, Self

import httpx
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags

from senders.model import Sender
from tasks.journal import Claimed
from tasks.record import AttemptRecord, JobRecord
from tasks.tracing import Fact
from worker.tracing_export import OutageToldOnce
from worker.tracing_http import TracedTransport
from worker.tracing_spans import fail, going_on

_SERVICE: Final = "trunkline-worker"
_UNNAMED: Final = "unknown_service"
_OURS: Final = "trunkline."


class OpenSpan:
    """A span of OpenTelemetry in the flow's words; implements `tasks.tracing.Span`."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    @property
    def trace_id(self) -> str | None:
        """The id of its trace, also if the trace is not sampled; None if OpenTelemetry is switched off."""
        context = self._span.get_span_context()
        return trace.format_trace_id(context.trace_id) if context.is_valid else None

    def ended(self, *, error: str | None = None, **facts: Fact) -> None:
        """Note how it ended."""
        self._span.set_attributes(_named(**facts))
        if error is not None:
            fail(self._span, error)


class OpenTelemetry:
    """The tracing of one process; implements `worker.tracing_switch.Tracing` and `tasks.tracing.Tracer`.

    It is no global of OpenTelemetry: other libraries in this process do not report to it.

    Args:
        worker: this process's name.
        processor: what becomes of spans that have ended.
    """

    def __init__(self, worker: str, processor: SpanProcessor) -> None:
        self._ids = IdsOfJobs()
        # Not at exit: OpenTelemetry would wait there for 30 s if the collector is away.
        self._provider = TracerProvider(resource=_resource(worker), id_generator=self._ids, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("trunkline", version("trunkline"))

    @classmethod
    def from_environment(cls, worker: str) -> Self:
        """Return tracing that sends where the `OTEL_*` variables say, from a thread of its own.

        Raises:
            ValueError: one of the variables cannot be used.
            OSError: a file that one of them names cannot be read.
        """
        # It would print a header that it cannot read, and the collector's credentials are in one.
        logging.getLogger("opentelemetry.util").setLevel(logging.CRITICAL)
        tracing = cls(worker, BatchSpanProcessor(OutageToldOnce(OTLPSpanExporter())))
        # From here on it would write a line for every try of every batch.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        return tracing

    @property
    def tracer(self) -> Self:
        """What the flow reports to."""
        return self

    def wrap(self, transport: httpx.AsyncBaseTransport) -> httpx.AsyncBaseTransport:
        """Return a transport whose calls are spans."""
        return TracedTransport(transport, self._tracer)

    def flush(self, timeout_s: float) -> None:
        """Send what has ended, for at most so many seconds."""
        _within(timeout_s, self._provider.force_flush)

    def close(self, timeout_s: float) -> None:
        """Send the rest, for at most so many seconds, and take nothing more."""
        _within(timeout_s, self._provider.shutdown)

    @contextmanager
    def dispatch(self, claimed: Claimed, hop: str) -> Iterator[OpenSpan]:
        """Span one pass over a claimed job, as a child of the span that the job names."""
        record = claimed.record
        with self._ids.of(record):
            span = self._tracer.start_span(
                f"dispatch {record.queue}",
                context=_context_of(record.traceparent),
                kind=SpanKind.CONSUMER,
                attributes=_messaging(record)
                | _named(
                    tenant=record.tenant,
                    channel=record.channel.value,
                    lane=record.lane.value,
                    hop=int(hop) if hop.isdecimal() else None,
                    queue_wait_ms=claimed.queue_wait_ms,
                    age_ms=max(0, claimed.now_ms - record.created_ms),
                ),
            )
        with going_on(span):
            yield OpenSpan(span)

    @contextmanager
    def attempt(self, number: int, sender: Sender) -> Iterator[OpenSpan]:
        """Span the call of attempt `number`."""
        provider = sender.kind.provider
        facts = _named(attempt=number, sender=sender.key, provider=provider)
        with going_on(self._tracer.start_span(f"attempt {provider}", attributes=facts)) as span:
            yield OpenSpan(span)

    @contextmanager
    def lookup(self, attempt: AttemptRecord, number: int) -> Iterator[OpenSpan]:
        """Span the how-many-th question about an attempt of unknown outcome."""
        facts = _named(attempt=attempt.number, lookup=number, sender=attempt.sender, provider=attempt.provider)
        with going_on(self._tracer.start_span(f"lookup {attempt.provider}", attributes=facts)) as span:
            yield OpenSpan(span)


class IdsOfJobs(IdGenerator):
    """Ids at random; but a trace that begins with a job has an id of the job's, so that all its hops are one trace."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()
        self._job: ContextVar[JobRecord | None] = ContextVar("trunkline_traced_job", default=None)

    @contextmanager
    def of(self, record: JobRecord) -> Iterator[None]:
        """Let traces that begin meanwhile be the job's."""
        token = self._job.set(record)
        try:
            yield
        finally:
            self._job.reset(token)

    def generate_span_id(self) -> int:
        """Return a random id."""
        return self._random.generate_span_id()

    def generate_trace_id(self) -> int:
        """Return the job's trace id, or a random one; its time is in it, since other installations have its id too."""
        record = self._job.get()
        if record is None:
            return self._random.generate_trace_id()
        return int.from_bytes(hashlib.sha256(f"{record.id} {record.created_ms}".encode()).digest()[:16]) or 1


def _context_of(traceparent: str | None) -> Context:
    """Return the context of a job's well-formed trace; an empty one begins a trace."""
    if traceparent is None:
        return Context()
    _, trace_id, span_id, flags = traceparent.split("-")
    parent = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
    return trace.set_span_in_context(NonRecordingSpan(parent), Context())


def _messaging(record: JobRecord) -> dict[str, str | int | float | bool]:
    """Return the attributes that OpenTelemetry's conventions for messaging name."""
    return {
        "messaging.system": "trunkline",
        "messaging.operation.name": "dispatch",
        "messaging.operation.type": "process",
        "messaging.destination.name": record.queue,
        "messaging.message.id": record.id,
    }


def _named(**facts: Fact) -> dict[str, str | int | float | bool]:
    # Closed enums are strings of a class of their own, which the exporter does not know.
    plain = {name: str(value) if isinstance(value, str) else value for name, value in facts.items()}
    return {_OURS + name: value for name, value in plain.items() if value is not None}


def _resource(worker: str) -> Resource:
    """Return what the spans say of this process; the variables of OpenTelemetry win."""
    ours = Resource({"service.version": version("trunkline"), f"{_OURS}worker": worker})
    theirs = Resource.create()
    merged = ours.merge(theirs)
    if str(theirs.attributes.get("service.name", _UNNAMED)).startswith(_UNNAMED):
        merged = merged.merge(Resource({"service.name": _SERVICE}))
    return merged


def _within(timeout_s: float, work: Callable[[], object]) -> None:
    """Run `work` and wait for it no longer than that: OpenTelemetry keeps no limit while its exporter tries again."""
    thread = threading.Thread(target=work, name="trunkline-flush", daemon=True)
    thread.start()
    thread.join(timeout_s)
