"""The spans of whole jobs, from a real journal into memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from providers.faults import Fault
from providers.protocol import AttemptResult
from tasks.dispatch import dispatch
from tasks.replay import Replays, Terms
from tests.support.flow import ACCEPTED, SILENT, UNKNOWN, Worker, config, refused, worker
from tests.support.journal import TextRedis, enqueue
from tests.support.spans import PARENT_ID, TRACE_ID, TRACEPARENT, attributes, parent_id, span_id, trace_ids
from worker.tracing import OpenTelemetry

pytestmark = pytest.mark.integration


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    """Where the spans go."""
    return InMemorySpanExporter()


def traced(
    redis: TextRedis,
    exporter: InMemorySpanExporter,
    twilio: list[AttemptResult] | None = None,
    syniverse: list[AttemptResult] | None = None,
) -> Worker:
    one = worker(redis, config(), twilio=twilio, syniverse=syniverse)
    one.services = replace(one.services, tracer=OpenTelemetry("w", SimpleSpanProcessor(exporter)))
    return one


def named(exporter: InMemorySpanExporter, prefix: str) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.name.startswith(prefix)]


def fact(span: ReadableSpan, *names: str) -> tuple[object, ...]:
    return tuple(attributes(span).get(f"trunkline.{name}") for name in names)


async def test_a_fallback_is_a_second_dispatch_in_the_producers_trace(
    redis: TextRedis, exporter: InMemorySpanExporter
) -> None:
    one = traced(redis, exporter, twilio=[refused(Fault.AUTH, "20003")])
    await enqueue(redis, options={"traceparent": TRACEPARENT})

    await one.serve()

    own, fallback = named(exporter, "dispatch")
    assert [own.name, fallback.name] == ["dispatch dispatch.normal", "dispatch fallback.syniverse"]
    assert trace_ids(exporter.get_finished_spans()) == {TRACE_ID}
    assert {parent_id(own), parent_id(fallback)} == {PARENT_ID}
    first, second = named(exporter, "attempt")
    assert [parent_id(first), parent_id(second)] == [span_id(own), span_id(fallback)]
    assert [fact(span, "outcome", "fault") for span in (first, second)] == [("refused", "auth"), ("accepted", None)]
    assert [span.status.status_code for span in (first, second)] == [StatusCode.ERROR, StatusCode.UNSET]
    assert [attributes(span)["trunkline.state"] for span in (own, fallback)] == ["queued", "sent"]


async def test_the_hops_of_a_job_without_a_trace_are_one_trace_too(
    redis: TextRedis, exporter: InMemorySpanExporter
) -> None:
    one = traced(redis, exporter, twilio=[refused(Fault.AUTH)])
    await enqueue(redis)

    await one.serve()

    assert len(trace_ids(exporter.get_finished_spans())) == 1


async def test_lookups_are_spans_of_the_passes_that_ask(redis: TextRedis, exporter: InMemorySpanExporter) -> None:
    one = traced(redis, exporter, twilio=[UNKNOWN])
    one.twilio.lookups = [SILENT, *one.twilio.lookups]
    await enqueue(redis, options={"traceparent": TRACEPARENT})

    await one.serve()

    lookups = named(exporter, "lookup twilio")
    assert [attributes(span)["trunkline.good"] for span in lookups][:2] == [False, True]
    assert {parent_id(span) for span in lookups} <= {span_id(span) for span in named(exporter, "dispatch")}
    assert trace_ids(exporter.get_finished_spans()) == {TRACE_ID}


async def test_a_failed_job_fails_its_last_dispatch_and_a_replay_stays_in_the_trace(
    redis: TextRedis, exporter: InMemorySpanExporter
) -> None:
    one = traced(redis, exporter, twilio=[refused(Fault.AUTH)], syniverse=[refused(Fault.GEO), ACCEPTED])
    await enqueue(redis, options={"traceparent": TRACEPARENT})
    await one.serve()
    last = named(exporter, "dispatch")[-1]
    assert (last.status.status_code, attributes(last)["error.type"]) == (StatusCode.ERROR, "geo")

    replays = Replays(redis, actor="ops@acme.example", run="run-1")
    await replays.replay(["job-1"], Terms())
    await one.serve()

    assert (await one.status())["state"] == "sent"
    assert trace_ids(exporter.get_finished_spans()) == {TRACE_ID}
    assert Counter(span.name for span in named(exporter, "dispatch"))["dispatch dispatch.normal"] == 2


async def test_a_job_whose_trace_cannot_be_read_is_sent_all_the_same(
    redis: TextRedis, exporter: InMemorySpanExporter
) -> None:
    one = traced(redis, exporter)
    await enqueue(redis, options={"traceparent": "00-nonsense"})

    await one.serve()

    assert (await one.status())["state"] == "sent"


async def test_a_nudge_without_effect_leaves_no_span(redis: TextRedis, exporter: InMemorySpanExporter) -> None:
    one = traced(redis, exporter)
    await enqueue(redis)
    await one.serve()
    exporter.clear()
    await dispatch(one.services, "job-1", "1")

    assert exporter.get_finished_spans() == ()
