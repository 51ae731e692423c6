"""Joins a producer's OpenTelemetry trace: a span around each enqueue, and its context in the jobs.

Nothing here is switched on. Only a process that uses OpenTelemetry has a current span, so the package is looked for
among the loaded modules and never loaded by us.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from trunkline_client.errors import JobInvalid, TrunklineError
from trunkline_client.job import TRACE_FIELD, CheckedJob
from trunkline_client.record import Handle

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

_OPERATION: Final = "enqueue"


@dataclass(frozen=True, slots=True)
class Enqueueing:
    """One round trip with jobs to Redis, as the producer's trace sees it; without a trace it does nothing."""

    span: Span | None = None

    def carried(self, prepared: Sequence[CheckedJob | JobInvalid]) -> Sequence[CheckedJob | JobInvalid]:
        """Return the jobs with this span as their parent, but for those that came with a trace of their own."""
        context = self.span.get_span_context() if self.span is not None else None
        if context is None or not context.is_valid:
            return prepared
        parent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"
        return [_with_parent(job, parent) if isinstance(job, CheckedJob) else job for job in prepared]

    def ended(self, sent: Sequence[Handle | TrunklineError]) -> None:
        """Note how it ended: names of errors only."""
        if self.span is None:
            return
        if len(sent) == 1 and isinstance(sent[0], Handle):
            self.span.set_attribute("messaging.message.id", sent[0].id)
        errors = [type(one).__name__ for one in sent if not isinstance(one, Handle)]
        if errors:
            _fail(self.span, errors[0])
            self.span.set_attribute("trunkline.not_enqueued", len(errors))


_UNTRACED: Final = Enqueueing()


@contextmanager
def enqueueing(count: int) -> Iterator[Enqueueing]:
    """Run the enqueue of `count` jobs in a producer's span, if the caller is within a valid span."""
    tracer = _tracer()
    if tracer is None:
        yield _UNTRACED
        return
    from opentelemetry.trace import SpanKind  # noqa: PLC0415 -- loaded already, see `_tracer`

    attributes: dict[str, str | int] = {
        "messaging.system": "trunkline",
        "messaging.operation.name": _OPERATION,
        "messaging.operation.type": "send",
    }
    if count > 1:
        attributes["messaging.batch.message_count"] = count
    # Errors are noted by name: their text may quote the command, and a job is in the command.
    with tracer.start_as_current_span(
        f"{_OPERATION} trunkline",
        kind=SpanKind.PRODUCER,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield Enqueueing(span)
        except BaseException as error:
            _fail(span, type(error).__name__)
            raise


def _tracer() -> Tracer | None:
    """Return a tracer if the caller is within a valid span."""
    if "opentelemetry.trace" not in sys.modules:
        return None
    # Not taken from `sys.modules`: another thread may be half-way through its first import.
    from opentelemetry import trace  # noqa: PLC0415

    if not trace.get_current_span().get_span_context().is_valid:
        return None
    return trace.get_tracer("trunkline_client")


def _with_parent(job: CheckedJob, parent: str) -> CheckedJob:
    return job if TRACE_FIELD in job.options else replace(job, options={**job.options, TRACE_FIELD: parent})


def _fail(span: Span, error_type: str) -> None:
    from opentelemetry.trace import StatusCode  # noqa: PLC0415 -- loaded already, see `_tracer`

    span.set_attribute("error.type", error_type)
    span.set_status(StatusCode.ERROR)
