"""A producer with OpenTelemetry, and one without it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from redis.asyncio import Redis

from tests.support.spans import TRACEPARENT, attributes, parent_id, producer_exporter, traceparent_of
from trunkline_client import AsyncTrunkline, Handle, JobInvalid, Trunkline, keys

Kind = type[Trunkline] | type[AsyncTrunkline]

pytestmark = pytest.mark.integration

JOB: dict[str, Any] = {"tenant": "acme", "to": "+14155552671", "body": "Your code is 493817", "user": "user-17"}
SMS = JOB | {"channel": "sms"}
BAD = SMS | {"to": "nobody-77"}


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    """Where the producer's spans go."""
    exporter = producer_exporter()
    exporter.clear()
    yield exporter
    exporter.clear()


@pytest.fixture(params=[Trunkline, AsyncTrunkline])
def kind(request: pytest.FixtureRequest) -> Kind:
    """Either client."""
    client: Kind = request.param
    return client


async def enqueue(kind: Kind, redis_url: str, *jobs: dict[str, Any]) -> list[Any]:
    if kind is Trunkline:
        with Trunkline(redis_url) as blocking:
            return blocking.send_many(jobs)
    async with AsyncTrunkline(redis_url) as awaiting:
        return await awaiting.send_many(jobs)


async def traceparents(redis: Redis, sent: list[Any]) -> list[str | None]:
    options = [await redis.hget(keys.job(one.id), "options") for one in sent if isinstance(one, Handle)]
    return [json.loads(text or "{}").get("traceparent") for text in options]


def producer_span(exporter: InMemorySpanExporter) -> ReadableSpan:
    (span,) = [span for span in exporter.get_finished_spans() if span.kind is SpanKind.PRODUCER]
    return span


async def test_a_job_carries_the_span_of_its_enqueue_within_the_producers_trace(
    kind: Kind, redis_url: str, redis: Redis, exporter: InMemorySpanExporter
) -> None:
    with trace.get_tracer("producer").start_as_current_span("login") as login:
        sent = await enqueue(kind, redis_url, SMS | {"id": "login-1"})

    span = producer_span(exporter)
    assert await traceparents(redis, sent) == [traceparent_of(span)]
    assert parent_id(span) == f"{login.get_span_context().span_id:016x}"
    assert attributes(span)["messaging.message.id"] == "login-1"


async def test_the_producers_spans_hold_nothing_private(
    kind: Kind, redis_url: str, exporter: InMemorySpanExporter
) -> None:
    with trace.get_tracer("producer").start_as_current_span("login"):
        await enqueue(kind, redis_url, SMS, BAD)

    shown = "\n".join(str(span.to_json()) for span in exporter.get_finished_spans())
    assert [secret for secret in ("4155552671", "493817", "user-17", "nobody-77") if secret in shown] == []


async def test_a_trace_that_the_caller_names_wins(
    kind: Kind, redis_url: str, redis: Redis, exporter: InMemorySpanExporter
) -> None:
    with trace.get_tracer("producer").start_as_current_span("login"):
        sent = await enqueue(kind, redis_url, SMS | {"traceparent": TRACEPARENT}, SMS)

    assert await traceparents(redis, sent) == [TRACEPARENT, traceparent_of(producer_span(exporter))]


async def test_many_jobs_of_one_round_trip_share_a_span_that_tells_of_refusals(
    kind: Kind, redis_url: str, redis: Redis, exporter: InMemorySpanExporter
) -> None:
    with trace.get_tracer("producer").start_as_current_span("campaign"):
        sent = await enqueue(kind, redis_url, SMS, BAD, SMS)

    span = producer_span(exporter)
    assert await traceparents(redis, sent) == [traceparent_of(span)] * 2
    assert isinstance(sent[1], JobInvalid)
    assert attributes(span)["messaging.batch.message_count"] == 3
    assert attributes(span)["trunkline.not_enqueued"] == 1
    assert (span.status.status_code, attributes(span)["error.type"]) == (StatusCode.ERROR, "JobInvalid")


async def test_the_same_job_in_another_trace_is_the_same_job(
    kind: Kind, redis_url: str, redis: Redis, exporter: InMemorySpanExporter
) -> None:
    job = SMS | {"id": "order-1"}
    first = await enqueue(kind, redis_url, job | {"traceparent": TRACEPARENT})
    with trace.get_tracer("producer").start_as_current_span("again"):
        again = await enqueue(kind, redis_url, job)

    assert (first[0].created, again[0].created) == (True, False)
    assert await traceparents(redis, again) == [TRACEPARENT]


async def test_without_a_current_span_no_span_is_made(
    kind: Kind, redis_url: str, redis: Redis, exporter: InMemorySpanExporter
) -> None:
    sent = await enqueue(kind, redis_url, SMS)

    assert await traceparents(redis, sent) == [None]
    assert exporter.get_finished_spans() == ()


def test_a_producer_without_opentelemetry_enqueues_as_ever(redis_url: str) -> None:
    program = f"""
import sys
sys.modules["opentelemetry"] = None  # as if it were not installed
from trunkline_client import Trunkline
with Trunkline({redis_url!r}) as trunkline:
    print(trunkline.send_sms(tenant="acme", to="+14155552671", body="hello", id="order-1").state)
assert not [name for name in sys.modules if name.startswith("opentelemetry.")]
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "queued"), done.stderr
