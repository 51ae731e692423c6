"""The whole flow of a job on a real journal: which sender it leaves through, and what is kept of the way."""

from __future__ import annotations

import builtins
import re
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from providers.faults import Fault, Outcome, Ruling
from providers.protocol import AttemptResult, NumberType, VoiceRequest
from senders.model import Condition, CountryLimit, Policy
from tasks.dispatch import dispatch
from tests.support import flow
from tests.support.flow import ACCEPTED, UNKNOWN, config, refused, worker
from tests.support.journal import TextRedis, enqueue
from trunkline_client import keys
from trunkline_client.words import Lane

pytestmark = pytest.mark.integration

_OURS = {"tasks", "senders", "providers", "trunkline_client"}


async def test_an_accepted_job_is_sent_through_the_tenants_own_account(redis: TextRedis) -> None:
    one = worker(redis, config())
    await enqueue(redis)

    assert [report.line for report in await one.serve()] == ["sent acme-twilio"]
    status = await one.status()
    assert (status["state"], status["account"], status["sender"]) == ("sent", "AC" + "0" * 32, "acme-twilio")
    assert status["provider_id"] == "SMjob-1.a1"


async def test_a_provider_is_told_the_end_of_a_life_by_the_clock_of_redis(redis: TextRedis) -> None:
    one = worker(redis, config())
    await enqueue(redis, ttl_ms=60_000)

    await one.serve()

    (sent,) = one.twilio.sent
    ends_ms = int(await redis.hget(keys.job("job-1"), "expires_ms"))
    assert ends_ms - 2_000 < sent.expires_at_ms <= ends_ms
    assert sent.validity_s in {58, 59, 60}


async def test_voice_leaves_as_a_call(redis: TextRedis) -> None:
    one = worker(redis, config())
    await enqueue(redis, channel="voice", options={"locale": "en-GB"})

    await one.serve()

    assert isinstance(one.twilio.sent[0], VoiceRequest)
    assert one.twilio.sent[0].ring_timeout_s == 60


@pytest.mark.parametrize(
    "fault", [Fault.AUTH, Fault.ACCOUNT, Fault.RECIPIENT, Fault.GEO, Fault.BODY, Fault.PARAMETER], ids=str
)
async def test_a_refusal_goes_to_the_fallback_queue_and_out_through_syniverse(redis: TextRedis, fault: Fault) -> None:
    one = worker(redis, config(), twilio=[refused(fault)])
    await enqueue(redis)

    lines = [report.line for report in await one.serve()]

    assert lines == [f"{fault} -> fallback.syniverse", "sent acme-syniverse"]
    assert [attempt["fault"] for attempt in (await one.status())["attempts"]] == [fault, None]


async def test_the_next_job_starts_at_the_tenants_own_account_again(redis: TextRedis) -> None:
    one = worker(redis, config(), twilio=[refused(Fault.GEO), ACCEPTED])
    await enqueue(redis, "job-1")
    await one.serve()
    await enqueue(redis, "job-2")
    await one.serve()

    assert (await one.status("job-1"))["sender"] == "acme-syniverse"
    assert (await one.status("job-2"))["sender"] == "acme-twilio"


async def test_without_an_eligible_number_no_call_is_made(redis: TextRedis) -> None:
    short = flow.twilio("acme-twilio", flow.number("88022", NumberType.SHORT_CODE))
    one = worker(redis, config(short, flow.syniverse()))
    await enqueue(redis, to="+447400123456")

    lines = [report.line for report in await one.serve()]

    assert lines == ["no_number -> fallback.syniverse", "sent acme-syniverse"]
    assert one.twilio.sent == []
    assert (await one.status())["attempts"][0]["fault"] == "no_number"


async def test_a_refused_number_gives_way_to_another_of_the_same_sender(redis: TextRedis) -> None:
    one = worker(redis, config(), twilio=[refused(Fault.NUMBER), ACCEPTED])
    await enqueue(redis)

    await one.serve()

    first, second = one.twilio.sent
    assert first.origin != second.origin
    assert (await one.status())["sender"] == "acme-twilio"


async def test_the_log_line_of_an_end_counts_every_attempt_of_the_job(redis: TextRedis) -> None:
    short = flow.twilio("acme-twilio", flow.number("88022", NumberType.SHORT_CODE))
    one = worker(redis, config(), twilio=[refused(Fault.NUMBER), ACCEPTED])
    passed_over = worker(redis, config(short, flow.syniverse()))

    with capture_logs() as lines:
        await enqueue(redis, "job-1")
        await one.serve()
        await enqueue(redis, "job-2", to="+447400123456")
        await passed_over.serve()

    assert [line["attempts"] for line in lines if line["event"] == "job.ended"] == [2, 2]


async def test_at_most_two_other_numbers_are_tried(redis: TextRedis) -> None:
    many = flow.twilio("acme-twilio", *(flow.number(f"+1201555010{digit}") for digit in range(6)))
    one = worker(redis, config(many, flow.syniverse()), twilio=[refused(Fault.NUMBER)])
    await enqueue(redis)

    await one.serve()

    assert len({request.origin.value for request in one.twilio.sent}) == 3
    assert (await one.status())["sender"] == "acme-syniverse"


async def test_an_unreachable_provider_is_tried_once_more(redis: TextRedis) -> None:
    one = worker(redis, config(), twilio=[refused(Fault.UNAVAILABLE), refused(Fault.UNAVAILABLE)])
    await enqueue(redis)

    await one.serve()

    assert len(one.twilio.sent) == 2
    assert (await one.status())["sender"] == "acme-syniverse"


async def test_a_provider_that_says_later_is_asked_again_and_may_accept(redis: TextRedis) -> None:
    one = worker(redis, config(), twilio=[refused(Fault.THROTTLED), refused(Fault.THROTTLED), ACCEPTED])
    await enqueue(redis)

    await one.serve()

    assert len(one.twilio.sent) == 3
    assert (await one.status())["sender"] == "acme-twilio"


async def test_a_provider_that_says_later_for_too_long_loses_the_job_to_the_next(redis: TextRedis) -> None:
    capped = AttemptResult(outcome=Outcome.REFUSED, ruling=Ruling(Fault.THROTTLED), code="63038")
    one = worker(redis, config(), twilio=[capped])
    await enqueue(redis)

    await one.serve()

    assert (await one.status())["sender"] == "acme-syniverse"


async def test_an_opted_out_recipient_is_not_reached_another_way(redis: TextRedis) -> None:
    one = worker(redis, config(), twilio=[refused(Fault.UNSUBSCRIBED, "21610")])
    await enqueue(redis)

    await one.serve()

    status = await one.status()
    assert (status["state"], status["fault"]) == ("failed", "unsubscribed")
    assert one.syniverse.sent == []


async def test_a_policy_may_let_an_opt_out_fall_back(redis: TextRedis) -> None:
    one = worker(redis, config(policy=Policy("default", no_fallback=frozenset())), twilio=[refused(Fault.UNSUBSCRIBED)])
    await enqueue(redis)

    await one.serve()

    assert (await one.status())["sender"] == "acme-syniverse"


async def test_an_exhausted_chain_fails_with_every_attempt_kept(redis: TextRedis) -> None:
    one = worker(redis, config(), twilio=[refused(Fault.AUTH)], syniverse=[refused(Fault.RECIPIENT)])
    await enqueue(redis)

    await one.serve()

    status = await one.status()
    assert (status["state"], status["fault"]) == ("failed", "recipient")
    assert [attempt["fault"] for attempt in status["attempts"]] == ["auth", "recipient"]
    assert await redis.zrange(keys.DEAD, 0, -1) == ["job-1"]


async def test_a_chain_of_three_is_walked_to_its_end(redis: TextRedis) -> None:
    three = config(flow.twilio("first"), flow.twilio("second"), flow.syniverse("third"))
    one = worker(redis, three, twilio=[refused(Fault.AUTH)])
    await enqueue(redis, lane=Lane.URGENT)

    lines = [report.line for report in await one.serve()]

    assert lines == ["auth -> fallback.twilio", "auth -> fallback.syniverse", "sent third"]


async def test_a_disabled_sender_is_passed_over_and_recorded(redis: TextRedis) -> None:
    off = replace(flow.twilio(), enabled=False)
    one = worker(redis, config(off, flow.syniverse()))
    await enqueue(redis)

    await one.serve()

    assert [attempt["code"] for attempt in (await one.status())["attempts"]] == ["disabled", None]


async def test_a_sender_deleted_while_a_job_is_on_its_way_is_passed_over_and_recorded(redis: TextRedis) -> None:
    chain = config(flow.twilio(), flow.syniverse(), flow.twilio("third"))
    one = worker(redis, chain, twilio=[refused(Fault.AUTH), ACCEPTED])
    await enqueue(redis)

    async def delete() -> None:
        left = {key: sender for key, sender in chain.senders.items() if key != "acme-syniverse"}
        one.services.configurations.config = replace(chain, senders=left)  # type: ignore[attr-defined]

    one.twilio.meanwhile = delete
    await one.serve()

    attempts = (await one.status())["attempts"]
    assert [attempt["sender"] for attempt in attempts] == ["acme-twilio", "acme-syniverse", "third"]
    assert [attempt["outcome"] for attempt in attempts] == ["refused", "refused", "accepted"]
    assert one.syniverse.sent == []


async def test_a_tenant_without_configuration_has_no_chain(redis: TextRedis) -> None:
    one = worker(redis, None)
    await enqueue(redis)

    await one.serve()

    assert (await one.status())["fault"] == "no_chain"


@pytest.mark.parametrize(
    ("policy", "options", "rule"),
    [
        (Policy("default", country_limit=CountryLimit(allow=frozenset({"GB"}))), {}, "country"),
        (None, {"policy": "nobody"}, "policy"),
    ],
)
async def test_a_policy_refuses_before_any_provider_is_called(
    redis: TextRedis, policy: Policy | None, options: dict[str, str], rule: str
) -> None:
    one = worker(redis, config(policy=policy))
    await enqueue(redis, options=options)

    await one.serve()

    status = await one.status()
    assert (status["state"], status["rule"], one.twilio.sent) == ("rejected", rule, [])


async def test_a_condition_sends_a_country_over_its_own_chain(redis: TextRedis) -> None:
    policy = Policy(
        "default", (Condition(("acme-syniverse",), countries=frozenset({"GB"})), Condition(("acme-twilio",)))
    )
    one = worker(redis, config(policy=policy))
    await enqueue(redis, to="+447400123456")

    assert [report.line for report in await one.serve()] == ["sent acme-syniverse"]


async def test_a_job_that_breaks_the_contract_is_rejected(redis: TextRedis) -> None:
    one = worker(redis, config())
    await enqueue(redis, to="+1999")

    await one.serve()

    assert (await one.status())["rule"] == "contract"


async def test_a_worker_that_lost_its_lease_does_not_send_and_gives_the_job_back(redis: TextRedis) -> None:
    one = worker(redis, config(), lease_s=0.4)
    await enqueue(redis)

    report = await dispatch(one.services, "job-1", "1")

    assert (report.line, one.twilio.sent) == ("given back", [])
    assert await redis.hmget(keys.job("job-1"), "state", "place") == ["queued", "lane"]


async def test_content_is_sealed_once_a_job_outlives_its_first_attempt(redis: TextRedis) -> None:
    one = worker(redis, config(), twilio=[UNKNOWN])
    await enqueue(redis)

    await one.serve(hurry=False)

    content = await redis.hget(keys.job("job-1"), "content")
    assert content is not None
    assert "plain:" not in content
    assert "493817" not in content


async def test_a_repeated_nudge_is_left(redis: TextRedis) -> None:
    one = worker(redis, config())
    await enqueue(redis)
    message = (await redis.lrange("dispatch.normal", 0, -1))[0]
    await one.serve()
    await redis.lpush("dispatch.normal", message)

    assert [report.line for report in await one.serve()] == ["left finished"]
    assert len(one.twilio.sent) == 1


async def test_a_job_costs_three_round_trips(redis: TextRedis) -> None:
    one = worker(redis, config())
    await enqueue(redis, "warm")
    await one.serve()
    await enqueue(redis)
    message = await redis.rpop("dispatch.normal")
    assert message is not None
    before = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"]

    await dispatch(one.services, "job-1", "1")

    assert (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"] - before == 3


async def test_a_job_imports_nothing_and_compiles_nothing(redis: TextRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    one = worker(redis, config())
    await enqueue(redis, "warm")
    await one.serve()
    await enqueue(redis)
    importing, compiling = builtins.__import__, vars(re)["_compile"]
    done: list[str] = []

    def noted_import(name: str, scope: dict[str, Any] | None = None, *rest: Any) -> Any:
        importer = str((scope or {}).get("__name__"))
        # redis-py imports when it opens a connection
        done.extend([name] if importer.partition(".")[0] in _OURS else [])
        return importing(name, scope, *rest)

    def noted_pattern(pattern: str, *rest: Any) -> Any:
        done.append(pattern)
        return compiling(pattern, *rest)

    with capture_logs(), monkeypatch.context() as patched:
        patched.setitem(vars(builtins), "__import__", noted_import)
        patched.setitem(vars(re), "_compile", noted_pattern)
        report = await dispatch(one.services, "job-1", "1")

    assert (report.line, done) == ("sent acme-twilio", [])


async def test_a_job_past_its_life_expires_and_keeps_its_content_sealed(redis: TextRedis) -> None:
    one = worker(redis, config())
    await enqueue(redis)
    await redis.hset(keys.job("job-1"), "expires_ms", 1)

    assert [report.line for report in await one.serve()] == ["expired"]
    assert (await one.status())["state"] == "expired"
    assert (await redis.hget(keys.job("job-1"), "content") or "").startswith("f1:")


async def test_a_kept_content_is_kept_sealed(redis: TextRedis) -> None:
    one = worker(redis, config())
    one.services = replace(one.services, settings=replace(one.services.settings, keep_content=True))
    await enqueue(redis)

    await one.serve()

    content = await redis.hget(keys.job("job-1"), "content")
    assert content
    assert "plain:" not in content
