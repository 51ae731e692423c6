"""One trace from a producer's span to the call at the fallback provider, through real processes and a collector."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.trace import SpanKind

from tests.support.collector import Collector, collecting
from tests.support.redis_server import free_port
from tests.support.spans import producer_exporter, span_id, trace_ids
from tests.support.system import TOKENS, System, running

pytestmark = pytest.mark.e2e

RECIPIENT, BODY = "+12015553000", "marmalade zeppelin 770419"
#: nothing leaves by itself meanwhile
HOLDING_BACK = {"OTEL_BSP_SCHEDULE_DELAY": "3600000"}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("tracing")
    with running(folder, TRUNKLINE_TRACING="1", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as system:
        system.apply()
        yield system


@pytest.fixture(scope="module")
def spans(system: System, collector: Collector) -> list[Span]:
    """The worker's spans of a job that Twilio refused; they leave when the worker is told to stop."""
    worker = system.start_worker(variables=HOLDING_BACK)
    worker.wait_ready()
    system.refuse(RECIPIENT, 21408)
    exporter = producer_exporter()
    exporter.clear()
    with trace.get_tracer("producer").start_as_current_span("login"):
        job = system.client.send_sms(tenant="acme", to=RECIPIENT, body=BODY, user="user-3000", id="traced-1")
    assert system.outcome(job.id)["provider"] == "syniverse"
    assert collector.spans == []
    assert worker.stop() == 0
    return collector.spans


def test_a_refused_job_is_one_trace_from_the_producer_to_the_fallback(spans: list[Span]) -> None:
    enqueue, login = producer_exporter().get_finished_spans()
    assert (enqueue.kind, {span.trace_id.hex() for span in spans}) == (SpanKind.PRODUCER, trace_ids([login]))

    names = {span.span_id.hex(): span.name for span in spans} | {span_id(enqueue): enqueue.name}
    assert [(names[span.parent_span_id.hex()], span.name) for span in spans] == [
        ("enqueue trunkline", "dispatch dispatch.normal"),
        ("dispatch dispatch.normal", "attempt twilio"),
        ("attempt twilio", "POST"),
        ("enqueue trunkline", "dispatch fallback.syniverse"),
        ("dispatch fallback.syniverse", "attempt syniverse"),
        ("attempt syniverse", "POST"),
    ]


def test_the_log_names_the_trace(system: System, spans: list[Span]) -> None:
    events = system.workers[0].events("attempt.finished") + system.workers[0].events("job.ended")

    assert len(events) == 3
    assert {event["trace"] for event in events} == {spans[0].trace_id.hex()}


def test_nothing_private_reaches_the_collector(collector: Collector, spans: list[Span]) -> None:
    sent = b"".join(collector.bodies).decode("latin-1")

    secrets = [RECIPIENT[1:], *BODY.split(), "user-3000", *TOKENS.values(), "+12015550100"]
    assert "traced-1" in sent
    assert [secret for secret in secrets if secret in sent] == []


def test_a_collector_that_is_away_is_told_once_and_holds_up_neither_jobs_nor_the_end(system: System) -> None:
    away = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}", "OTEL_BSP_SCHEDULE_DELAY": "50"}
    worker = system.start_worker(variables=away | {"OTEL_EXPORTER_OTLP_TIMEOUT": "0.2"})
    worker.wait_ready()

    for number in range(5):
        job = system.client.send_sms(tenant="acme", to=f"+1201555310{number}", body=BODY)
        assert system.outcome(job.id)["state"] == "sent"

    assert worker.stop(signal.SIGTERM) == 0
    assert len(worker.events("tracing.export_failed")) == 1
    assert "Traceback" not in worker.output


def test_without_the_extra_a_worker_ends_with_one_message(system: System, tmp_path: Path) -> None:
    # stands for an installation without the extra
    (tmp_path / "opentelemetry").mkdir()
    (tmp_path / "opentelemetry" / "__init__.py").write_text("raise ImportError")
    worker = system.start_worker(variables={"PYTHONPATH": str(tmp_path)})

    assert worker.process.wait(30) == 1
    assert (
        worker.output.strip()
        .splitlines()[-1]
        .startswith("trunkline: TRUNKLINE_TRACING is on, and OpenTelemetry is not")
    )
