"""Spans of a worker without any I/O: what is in them, and what must not be."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from structlog.testing import capture_logs

from senders.secrets import KeyRing
from tasks.journal import Claimed
from tasks.read_job import read_job
from tasks.record import decode
from tasks.tracing import NO_TRACER
from tests.support.spans import PARENT_ID, TRACE_ID, TRACEPARENT, attributes, parent_id, traceparent_of
from worker.settings import Settings
from worker.tracing import OpenTelemetry
from worker.tracing_export import OutageToldOnce
from worker.tracing_switch import NO_TRACING, TracingUnusable, open_tracing

KEY = Fernet.generate_key().decode()
PRIVATE = ("4155552671", "493817", "AC0123", "token-77")
REQUEST = httpx.Request(
    "POST",
    "https://api.twilio.example/2010-04-01/Accounts/AC0123/Messages.json?To=%2B14155552671",
    headers={"Authorization": "Basic token-77"},
    data={"To": "+14155552671", "Body": "Your code is 493817"},
)


class Tracing:
    """Tracing whose spans stay here."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.real = OpenTelemetry("w", SimpleSpanProcessor(self.exporter))

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """The spans that have ended, in that order."""
        return self.exporter.get_finished_spans()


@pytest.fixture
def tracing() -> Tracing:
    """Tracing of its own for every test."""
    return Tracing()


def claimed(job_id: str = "job-1", created_ms: int = 1_000, **options: Any) -> Claimed:
    content = {"to": "+14155552671", "body": "Your code is 493817"}
    raw = {"v": "1", "tenant": "acme", "channel": "sms", "lane": "urgent", "state": "dispatching", "fence": "1"}
    raw |= {"queue": "dispatch.urgent", "content": f"plain:{json.dumps(content)}", "options": json.dumps(options)}
    raw |= {"step": "0", "attempts": "0", "created_ms": str(created_ms), "placed_ms": "1200", "expires_ms": "9999"}
    return Claimed(decode(job_id, raw), "w:1", 1_500, 1)


def settings(**given: Any) -> Settings:
    return Settings(secret_keys=KEY, **given)


def test_a_dispatch_is_a_consumer_within_the_jobs_trace(tracing: Tracing) -> None:
    with tracing.real.dispatch(claimed(traceparent=TRACEPARENT), "2") as span:
        span.ended(state="sent", fault=None)

    (ended,) = tracing.spans
    assert (ended.kind, parent_id(ended), span.trace_id) == (SpanKind.CONSUMER, PARENT_ID, TRACE_ID)
    assert attributes(ended) == {
        "messaging.system": "trunkline",
        "messaging.operation.name": "dispatch",
        "messaging.operation.type": "process",
        "messaging.destination.name": "dispatch.urgent",
        "messaging.message.id": "job-1",
        "trunkline.tenant": "acme",
        "trunkline.channel": "sms",
        "trunkline.lane": "urgent",
        "trunkline.hop": 2,
        "trunkline.queue_wait_ms": 300,
        "trunkline.age_ms": 500,
        "trunkline.state": "sent",
    }


def test_a_job_without_a_trace_has_one_of_its_own_over_all_its_hops(tracing: Tracing) -> None:
    for job in (claimed(), claimed(), claimed("job-2"), claimed(created_ms=1_001)):
        with tracing.real.dispatch(job, "1"):
            pass

    first, again, other_job, other_installation = (traceparent_of(span).split("-")[1] for span in tracing.spans)
    assert first == again
    assert len({first, other_job, other_installation}) == 3
    assert {parent_id(span) for span in tracing.spans} == {None}


def test_a_trace_that_its_producer_did_not_sample_is_not_sampled_and_has_its_id(tracing: Tracing) -> None:
    with tracing.real.dispatch(claimed(traceparent=f"00-{TRACE_ID}-{PARENT_ID}-00"), "1") as span:
        assert span.trace_id == TRACE_ID

    assert tracing.spans == ()


def test_log_lines_can_name_the_trace_of_a_job_also_where_nothing_is_traced() -> None:
    with NO_TRACER.dispatch(claimed(traceparent=TRACEPARENT), "1") as span:
        assert span.trace_id == TRACE_ID
    with NO_TRACER.dispatch(claimed(), "1") as span:
        assert span.trace_id is None


@given(traceparent=st.text() | st.none() | st.integers() | st.lists(st.text()), hop=st.text(max_size=3))
@example(traceparent="ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", hop="")
@example(traceparent="00-00000000000000000000000000000000-b7ad6b7169203331-01", hop="1")
@example(traceparent="fe-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff", hop="²")
def test_whatever_stands_as_a_trace_in_a_record_the_job_is_worked_on(traceparent: object, hop: str) -> None:
    tracing, job = Tracing(), claimed(traceparent=traceparent)

    with tracing.real.dispatch(job, hop) as span, NO_TRACER.dispatch(job, hop):
        assert span.trace_id
    assert read_job(job.record, KeyRing([KEY])).id == "job-1"


def test_of_an_error_only_its_class_is_noted(tracing: Tracing) -> None:
    with pytest.raises(ValueError, match="493817"), tracing.real.dispatch(claimed(), "1"):
        raise ValueError("cannot send 493817 to +14155552671")

    (ended,) = tracing.spans
    assert (ended.status.status_code, attributes(ended)["error.type"]) == (StatusCode.ERROR, "ValueError")
    assert [secret for secret in PRIVATE if secret in ended.to_json()] == []


async def call(tracing: Tracing, handler: Any) -> httpx.Response:
    transport = tracing.real.wrap(httpx.MockTransport(handler))
    with tracing.real.dispatch(claimed(traceparent=TRACEPARENT), "1"):
        return await transport.handle_async_request(REQUEST)


@pytest.mark.parametrize(("status", "error"), [(201, None), (400, "400"), (503, "503")])
async def test_a_call_tells_method_host_and_status_and_nothing_else(
    tracing: Tracing, status: int, error: str | None
) -> None:
    await call(tracing, lambda request: httpx.Response(status, json={"body": "493817"}))

    ended, dispatched = tracing.spans
    assert (ended.name, ended.kind) == ("POST", SpanKind.CLIENT)
    assert parent_id(ended) == traceparent_of(dispatched).split("-")[2]
    expected = {
        "http.request.method": "POST",
        "server.address": "api.twilio.example",
        "server.port": 443,
        "http.response.status_code": status,
    }
    assert attributes(ended) == expected | ({"error.type": error} if error else {})
    assert [secret for secret in PRIVATE if secret in ended.to_json()] == []


async def test_a_call_that_fails_tells_the_class_of_its_error(tracing: Tracing) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout(f"no answer from {request.url}")

    with pytest.raises(httpx.ReadTimeout):
        await call(tracing, fail)

    ended = tracing.spans[0]
    assert (ended.status.status_code, attributes(ended)["error.type"]) == (StatusCode.ERROR, "ReadTimeout")
    assert [secret for secret in PRIVATE if secret in ended.to_json()] == []


async def test_a_provider_learns_nothing_of_our_traces(tracing: Tracing) -> None:
    seen: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(200)

    await call(tracing, answer)

    assert {"traceparent", "tracestate", "baggage"} & set(seen[0]) == set()


async def test_a_call_outside_of_a_job_makes_no_trace(tracing: Tracing) -> None:
    transport = tracing.real.wrap(httpx.MockTransport(lambda request: httpx.Response(200)))

    await transport.handle_async_request(REQUEST)

    assert tracing.spans == ()


class Collector(SpanExporter):
    """A collector that may be away."""

    is_away = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Take the spans, or not."""
        return SpanExportResult.FAILURE if self.is_away else SpanExportResult.SUCCESS


def test_an_outage_of_the_collector_is_told_once_and_its_end_too() -> None:
    collector = Collector()
    exporter = OutageToldOnce(collector)
    span = ReadableSpan("span")

    with capture_logs() as lines:
        exporter.export([span])
        exporter.export([span, span])
        collector.is_away = False
        exporter.export([span])
        exporter.export([span])

    assert [(line["event"], line.get("lost")) for line in lines] == [
        ("tracing.export_failed", None),
        ("tracing.export_resumed", 3),
    ]


@pytest.mark.parametrize("end", [OpenTelemetry.flush, OpenTelemetry.close])
def test_spans_that_cannot_leave_do_not_hold_a_process(end: Any) -> None:
    is_over = threading.Event()

    class Hanging(SimpleSpanProcessor):
        def force_flush(self, timeout_millis: int = 30_000) -> bool:
            return is_over.wait(60)

        def shutdown(self) -> None:
            is_over.wait(60)

    tracing = OpenTelemetry("w", Hanging(InMemorySpanExporter()))

    end(tracing, 0.01)

    assert not is_over.is_set()
    is_over.set()


def test_tracing_is_off_unless_it_is_asked_for() -> None:
    assert open_tracing(settings(), "w") is NO_TRACING


def test_tracing_without_its_extra_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "worker.tracing")
    monkeypatch.setitem(sys.modules, "opentelemetry", None)

    with pytest.raises(TracingUnusable, match=r"TRUNKLINE_TRACING is on.* pip install \./client '\.\[tracing\]'"):
        open_tracing(settings(tracing=True), "w")


def test_a_variable_that_cannot_be_used_is_an_error_that_does_not_quote_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-77")

    with pytest.raises(TracingUnusable, match="ValueError") as caught:
        open_tracing(settings(tracing=True), "w")
    assert "-77" not in str(caught.value)


def test_a_header_that_cannot_be_read_is_not_printed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization token-77")
    monkeypatch.setattr(logging.getLogger("opentelemetry"), "level", logging.NOTSET)

    open_tracing(settings(tracing=True), "w").close(1.0)

    assert "token-77" not in caplog.text


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("trunkline-worker", {}),
        ("otp-worker", {"OTEL_SERVICE_NAME": "otp-worker"}),
        ("other", {"OTEL_RESOURCE_ATTRIBUTES": "service.name=other,deployment.environment.name=test"}),
    ],
)
def test_the_process_has_a_name_that_the_environment_may_change(
    monkeypatch: pytest.MonkeyPatch, name: str, variables: dict[str, str]
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    tracing = Tracing()
    with tracing.real.dispatch(claimed(), "1"):
        pass

    resource = tracing.spans[0].resource.attributes
    assert (resource["service.name"], resource["trunkline.worker"]) == (name, "w")
