"""What the sink makes of what it is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import generate_latest

from tasks.measures import NoMeasures
from tests.support.metrics import tell_everything
from worker.heartbeats import Heartbeats
from worker.metrics import ACCEPT_S, PrometheusMeasures
from worker.tenant_labels import OTHERS


@pytest.fixture
def measures() -> PrometheusMeasures:
    return PrometheusMeasures(Heartbeats(lambda: 0.0), tenants=1)


#: sample -> value after `tell_everything`
TOLD: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {
    ("attempts_total", (("provider", "twilio"), ("channel", "sms"), ("outcome", "refused"), ("fault", "auth"))): 1,
    ("attempts_total", (("provider", "twilio"), ("channel", "sms"), ("outcome", "unknown"), ("fault", "none"))): 1,
    ("attempts_total", (("provider", "gateway"), ("channel", "sms"), ("outcome", "refused"), ("fault", "auth"))): 0,
    ("provider_call_seconds_sum", (("provider", "twilio"), ("channel", "sms"), ("outcome", "unknown"))): 8.0,
    ("queue_wait_seconds_count", (("queue", "dispatch.urgent"), ("lane", "urgent"))): 1,
    ("enqueue_to_accept_seconds_count", (("lane", "urgent"), ("provider", "syniverse"))): 4,
    ("jobs_sent_total", (("tenant", "acme"), ("by", "fallback"))): 2,
    ("jobs_sent_total", (("tenant", "acme"), ("by", "own"))): 1,
    ("jobs_sent_total", (("tenant", OTHERS), ("by", "fallback"))): 2,
    ("jobs_ended_total", (("state", "rejected"), ("rule", "quota"), ("fault", "none"))): 1,
    ("jobs_ended_total", (("state", "failed"), ("rule", "none"), ("fault", "geo"))): 1,
    ("throttle_waits_total", (("provider", "twilio"), ("channel", "voice"))): 1,
    ("throttle_wait_seconds_total", (("provider", "twilio"), ("channel", "voice"))): 1.5,
    ("lookups_total", (("provider", "twilio"), ("result", "contested"))): 1,
    ("jobs_put_back_total", (("reason", "renudged"),)): 3,
}


@pytest.mark.parametrize(("sample", "value"), TOLD.items())
def test_what_is_told_is_counted(
    measures: PrometheusMeasures, sample: tuple[str, tuple[tuple[str, str], ...]], value: float
) -> None:
    tell_everything(measures)

    assert measures.registry.get_sample_value(f"trunkline_{sample[0]}", dict(sample[1])) == value


def names(measures: PrometheusMeasures) -> Iterator[str]:
    for family in measures.registry.collect():
        yield family.name


def test_every_series_is_ours_or_the_process_s_and_says_what_it_is(measures: PrometheusMeasures) -> None:
    assert all(name.startswith(("trunkline_", "process_")) for name in names(measures))
    assert all(family.documentation for family in measures.registry.collect())


def test_only_the_series_of_fallbacks_names_tenants(measures: PrometheusMeasures) -> None:
    tell_everything(measures)
    page = generate_latest(measures.registry).decode()

    assert {line.partition("{")[0] for line in page.splitlines() if "acme" in line} == {"trunkline_jobs_sent_total"}
    assert not any(line.startswith("trunkline_") and "_created" in line for line in page.splitlines())


def test_the_buckets_tell_a_late_passcode_from_one_in_time() -> None:
    assert {0.1, 1, 5, 30, 300} <= set(ACCEPT_S)
    assert list(ACCEPT_S) == sorted(ACCEPT_S)


def test_a_sink_that_measures_nothing_takes_all_of_it() -> None:
    tell_everything(NoMeasures())
