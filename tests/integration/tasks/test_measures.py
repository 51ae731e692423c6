"""What a pass over a job tells the measures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from providers.faults import Fault
from providers.protocol import AttemptResult, LookupAnswer
from tasks.upkeep import Sweeper
from tests.support.flow import ACCEPTED, UNKNOWN, Worker, config, refused, worker
from tests.support.in_hand import begin, claim
from tests.support.journal import TextRedis, enqueue, now_ms
from tests.support.limit_flow import ALL_LIMITS
from trunkline_client import keys
from trunkline_client.words import Lane
from worker.heartbeats import Heartbeats
from worker.metrics import PrometheusMeasures

pytestmark = pytest.mark.integration


def measured(one: Worker) -> tuple[Worker, PrometheusMeasures]:
    measures = PrometheusMeasures(Heartbeats(lambda: 0.0), tenants=10)
    return replace(one, services=replace(one.services, measures=measures)), measures


def value(measures: PrometheusMeasures, name: str, **labels: str) -> float:
    return measures.registry.get_sample_value(f"trunkline_{name}", labels) or 0.0


def counted(measures: PrometheusMeasures) -> Iterator[tuple[str, float]]:
    for family in measures.registry.collect():
        for sample in family.samples:
            if sample.name.startswith("trunkline_") and sample.name.endswith(("_total", "_count")) and sample.value:
                yield sample.name.removeprefix("trunkline_"), sample.value


async def test_an_accepted_job_is_measured_from_enqueue_to_acceptance(redis: TextRedis) -> None:
    one, measures = measured(worker(redis, config()))
    await enqueue(redis, lane=Lane.URGENT)
    await redis.hincrby(keys.job("job-1"), "due_ms", -4_000)
    await one.serve()

    assert value(measures, "jobs_sent_total", tenant="acme", by="own") == 1
    assert value(measures, "jobs_ended_total", state="sent", rule="none", fault="none") == 1
    assert value(measures, "queue_wait_seconds_sum", queue="dispatch.urgent", lane="urgent") >= 4
    assert value(measures, "enqueue_to_accept_seconds_sum", lane="urgent", provider="twilio") >= 4
    assert dict(counted(measures))["provider_call_seconds_count"] == 1


async def test_a_fallback_waits_in_its_queue_from_the_refusal_and_counts_for_its_tenant(redis: TextRedis) -> None:
    one, measures = measured(worker(redis, config(), twilio=[refused(Fault.AUTH, "20003")]))
    await enqueue(redis)
    await redis.hincrby(keys.job("job-1"), "due_ms", -60_000)
    await one.serve()

    auth = {"provider": "twilio", "channel": "sms", "outcome": "refused", "fault": "auth"}
    assert value(measures, "attempts_total", **auth) == 1
    assert value(measures, "jobs_sent_total", tenant="acme", by="fallback") == 1
    assert value(measures, "queue_wait_seconds_sum", queue="dispatch.normal", lane="normal") >= 60
    assert value(measures, "queue_wait_seconds_sum", queue="fallback.syniverse", lane="normal") < 60
    assert value(measures, "enqueue_to_accept_seconds_sum", lane="normal", provider="syniverse") >= 60


@pytest.mark.parametrize(("answer", "waits"), [(refused(Fault.THROTTLED), 1), (UNKNOWN, 0)], ids=["later", "unknown"])
async def test_a_pause_hides_not_when_a_job_was_due(redis: TextRedis, answer: AttemptResult, waits: int) -> None:
    one, measures = measured(worker(redis, config(), twilio=[answer, ACCEPTED]))
    await enqueue(redis)
    await redis.hincrby(keys.job("job-1"), "due_ms", -30_000)
    await one.serve()

    took = [
        value(measures, "enqueue_to_accept_seconds_sum", lane="normal", provider=p) for p in ("twilio", "syniverse")
    ]
    assert sum(took) >= 30
    assert value(measures, "throttle_waits_total", provider="twilio", channel="sms") == waits
    assert (value(measures, "throttle_wait_seconds_total", provider="twilio", channel="sms") > 0) is bool(waits)


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (LookupAnswer(good=True, candidates=("SM9",)), "found"),
        (LookupAnswer(good=True), "absent"),
        (LookupAnswer(good=False), "unclear"),
        (LookupAnswer(good=False, can_ask=False), "cannot_ask"),
    ],
)
async def test_a_lookup_counts_by_what_it_brought(redis: TextRedis, answer: LookupAnswer, result: str) -> None:
    one, measures = measured(worker(redis, config(), twilio=[UNKNOWN]))
    one.twilio.lookups = [answer]
    await enqueue(redis)
    await one.serve()

    assert value(measures, "lookups_total", provider="twilio", result=result) >= 1


async def test_a_refusal_by_a_limit_is_an_end_with_its_rule(redis: TextRedis) -> None:
    one, measures = measured(worker(redis, config(policy=ALL_LIMITS)))
    for job_id in ("first", "second"):
        await enqueue(redis, job_id, user="ann")
    await one.serve()

    ended = [
        value(measures, "jobs_ended_total", state="rejected", rule=rule, fault="none") for rule in ("cooldown", "quota")
    ]
    assert sum(ended) == 1


async def test_a_replayed_job_does_not_count_as_slow(redis: TextRedis) -> None:
    one, measures = measured(worker(redis, config()))
    await enqueue(redis)
    await redis.hset(keys.job("job-1"), mapping={"first_attempt": 2, "due_ms": await now_ms(redis) - 9_000_000})
    await one.serve()

    assert value(measures, "jobs_sent_total", tenant="acme", by="own") == 1
    assert "enqueue_to_accept_seconds_count" not in dict(counted(measures))


async def test_the_death_of_a_worker_does_not_hide_when_its_job_was_due(redis: TextRedis) -> None:
    one, measures = measured(worker(redis, config()))
    await enqueue(redis)
    await redis.hincrby(keys.job("job-1"), "due_ms", -30_000)
    await begin(one.services.journal, await claim(redis, one.services.journal, "dead:1"))
    await redis.zadd(keys.LEASES, {"job-1": 1})
    await Sweeper(one.services.journal).sweep()
    one.twilio.lookups = [LookupAnswer(good=True, candidates=("SM9",))]
    await one.serve()

    assert value(measures, "lookups_total", provider="twilio", result="found") == 1
    assert value(measures, "enqueue_to_accept_seconds_sum", lane="normal", provider="twilio") >= 30


async def test_what_the_sweeper_puts_back_is_counted(redis: TextRedis) -> None:
    one, measures = measured(worker(redis, config()))
    await enqueue(redis)
    await one.services.journal.claim("job-1", "", "dead:1")
    await redis.zadd(keys.LEASES, {"job-1": 1})
    await Sweeper(one.services.journal, measures).sweep()

    assert value(measures, "jobs_put_back_total", reason="given_back") == 1


async def test_nothing_private_is_measured(redis: TextRedis) -> None:
    one, measures = measured(worker(redis, config(), twilio=[refused(Fault.RECIPIENT), UNKNOWN]))
    for number in range(4):
        await enqueue(redis, f"secret-id-{number}", to="+12015550199", body="code 998877", user="user-17")
    await one.serve()
    told = " ".join(str(sample) for family in measures.registry.collect() for sample in family.samples)

    private = ("secret-id", "5550199", "998877", "user-17", "+1201", "SM", "AC0", "acme-twilio")
    assert [text for text in private if text in told] == []
