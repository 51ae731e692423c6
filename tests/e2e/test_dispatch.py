"""Jobs through real worker processes and simulated providers, from the producer to the provider's ledger."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from providers.simulators.faults import FaultKind, FaultPlan
from tests.support.system import ACME_SID, GLOBEX_SID, System, running
from trunkline_client import Handle, keys
from trunkline_client.words import JobState

pytestmark = pytest.mark.e2e

CODE = "493817"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("dispatch"), TRUNKLINE_ATTEMPT_URGENT_S="3") as system:
        system.apply()
        for queues in ("dispatch.urgent,dispatch.normal,dispatch.bulk", "fallback.syniverse,fallback.twilio"):
            system.start_worker("--queues", queues, "--name", f"{queues[:8]}@%h").wait_ready()
        yield system


@pytest.fixture
def recipient(request: pytest.FixtureRequest) -> str:
    """A number of its own for every test, so that tests do not see each other's messages."""
    recipient.count = getattr(recipient, "count", 0) + 1  # type: ignore[attr-defined]
    return f"+1201555{2000 + recipient.count:04d}"  # type: ignore[attr-defined]


def test_an_accepted_sms_is_charged_to_the_tenants_account(system: System, recipient: str) -> None:
    job = system.client.send_sms(tenant="acme", to=recipient, body=f"Your code is {CODE}", priority="urgent")

    status = system.outcome(job.id)

    (entry,) = system.accepted(recipient)
    assert (status["state"], status["account"], status["provider_id"]) == ("sent", ACME_SID, entry.provider_id)
    assert entry.body == f"Your code is {CODE}"


def test_an_accepted_call_speaks_the_code_digit_by_digit(system: System, recipient: str) -> None:
    job = system.client.send_voice(tenant="acme", to=recipient, body=f"Your code is {CODE}", locale="en-GB")

    assert system.outcome(job.id)["state"] == "sent"
    (entry,) = system.accepted(recipient)
    assert entry.channel == "voice"
    assert CODE not in entry.body
    assert 'language="en-GB"' in entry.body


@pytest.mark.parametrize(
    ("code", "status", "fault"),
    [
        (20003, 401, "auth"),
        (10001, 400, "account"),
        (21211, 400, "recipient"),
        (21408, 400, "geo"),
        (21618, 400, "body"),
        (21609, 400, "parameter"),
        (63038, 429, "throttled"),
    ],
)
def test_what_twilio_refuses_leaves_through_syniverse(
    system: System, recipient: str, code: int, status: int, fault: str
) -> None:
    system.refuse(recipient, code, status)
    job = system.client.send_sms(tenant="acme", to=recipient, body="hello", priority="urgent")

    outcome = system.outcome(job.id)

    assert [attempt["fault"] for attempt in outcome["attempts"]] == [fault, None]
    assert (outcome["state"], outcome["provider"], outcome["account"]) == ("sent", "syniverse", "acme-syniverse")
    assert [entry.provider for entry in system.accepted(recipient)] == ["syniverse"]


def test_a_refused_number_gives_way_to_another_of_the_account(system: System, recipient: str) -> None:
    system.refuse(recipient, 21660, times=1)
    job = system.client.send_sms(tenant="acme", to=recipient, body="hello")

    outcome = system.outcome(job.id)

    first, second = outcome["attempts"]
    assert (first["fault"], second["outcome"], outcome["sender"]) == ("number", "accepted", "acme-twilio")
    assert first["number"] != second["number"]


def test_a_provider_that_says_later_is_asked_again(system: System, recipient: str) -> None:
    system.refuse(recipient, 20429, 429, times=2)
    job = system.client.send_sms(tenant="acme", to=recipient, body="hello")

    outcome = system.outcome(job.id)

    assert [attempt["fault"] for attempt in outcome["attempts"]] == ["throttled", "throttled", None]
    assert outcome["sender"] == "acme-twilio"


def test_an_opt_out_ends_the_job(system: System, recipient: str) -> None:
    system.control.opt_out(ACME_SID, recipient)
    job = system.client.send_sms(tenant="acme", to=recipient, body="hello")

    outcome = system.outcome(job.id)

    assert (outcome["state"], outcome["fault"]) == ("failed", "unsubscribed")
    assert system.accepted(recipient) == []


def test_without_a_fitting_number_the_chain_is_walked_to_its_third_sender(system: System, recipient: str) -> None:
    system.refuse(recipient, 21408)
    canadian = recipient.replace("+1201", "+1416")
    system.refuse(canadian, 21408)
    job = system.client.send_sms(tenant="globex", to=canadian, body="hello")

    outcome = system.outcome(job.id)

    assert [attempt["fault"] for attempt in outcome["attempts"]] == ["no_number", "geo", None]
    assert outcome["sender"] == "globex-syniverse"


def test_the_next_job_starts_at_the_own_account_again(system: System, recipient: str) -> None:
    system.refuse(recipient, 21408, times=1)
    first = system.client.send_sms(tenant="acme", to=recipient, body="one")
    assert system.outcome(first.id)["provider"] == "syniverse"

    second = system.client.send_sms(tenant="acme", to=recipient, body="two")

    assert system.outcome(second.id)["account"] == ACME_SID


def test_an_exhausted_chain_fails_with_every_attempt(system: System, recipient: str) -> None:
    system.refuse(recipient, 21211)
    refusal = {"status": 400, "code": "SCG_ERROR_40024"}
    system.control.arm(FaultPlan(kind=FaultKind.ANSWER, provider="syniverse", recipient=recipient, **refusal))  # type: ignore[arg-type]
    job = system.client.send_sms(tenant="acme", to=recipient, body="hello")

    outcome = system.outcome(job.id)

    assert (outcome["state"], outcome["fault"]) == ("failed", "recipient")
    assert len(outcome["attempts"]) == 2


@pytest.mark.parametrize(
    "kind", [FaultKind.RESET, FaultKind.CUT_OFF, FaultKind.ANSWER], ids=["reset", "cut off", "500"]
)
def test_a_message_whose_answer_is_lost_is_found_and_sent_once(system: System, recipient: str, kind: FaultKind) -> None:
    system.control.arm(FaultPlan(kind=kind, accept_first=True, method="POST", recipient=recipient, times=1))
    job = system.client.send_sms(tenant="acme", to=recipient, body="hello", priority="urgent")

    outcome = system.outcome(job.id)

    (entry,) = system.accepted(recipient)
    assert (outcome["state"], outcome["provider_id"]) == ("sent", entry.provider_id)
    assert outcome["maybe_twice"] is False


def test_a_hanging_provider_is_given_up_after_patience_and_sent_once(system: System, recipient: str) -> None:
    system.control.arm(FaultPlan(kind=FaultKind.HANG, provider="twilio", method="POST", recipient=recipient))
    job = system.client.send_sms(tenant="acme", to=recipient, body="hello", priority="urgent")

    system.outcome(job.id, JobState.RECONCILING)
    outcome = system.outcome(job.id)

    assert [attempt["outcome"] for attempt in outcome["attempts"]] == ["unknown", "accepted"]
    assert [entry.provider for entry in system.accepted(recipient)] == ["syniverse"]


def test_a_job_submitted_as_a_raw_message_is_sent(system: System, recipient: str) -> None:
    task_id = str(uuid.uuid4())

    system.submit({"tenant": "acme", "channel": "sms", "to": recipient, "body": "hello"}, task_id, "dispatch.urgent")

    assert system.outcome(task_id)["state"] == "sent"


def test_a_bad_submission_is_rejected_and_its_fields_are_named(system: System) -> None:
    task_id = str(uuid.uuid4())

    system.submit({"tenant": "acme", "channel": "sms", "to": "12", "body": "x", "what": 1}, task_id, "dispatch.normal")

    outcome = system.outcome(task_id)
    assert (outcome["state"], outcome["rule"]) == ("rejected", "contract")


def test_a_quiet_tenant_is_served_before_the_rest_of_a_flood(system: System, recipient: str) -> None:
    delay = FaultPlan(kind=FaultKind.DELAY, provider="twilio", account=ACME_SID)
    armed = system.control.arm(delay)
    flood = [{"tenant": "acme", "channel": "sms", "to": f"+1201554{n:04d}", "body": "flood"} for n in range(600)]
    handles = [handle for handle in system.client.send_many(flood) if hasattr(handle, "id")]

    quiet = system.client.send_sms(tenant="globex", to=recipient, body="quiet")
    system.outcome(quiet.id)

    states = [system.client.status(handle.id) for handle in handles]
    system.control.disarm(armed)
    unsent = [status for status in states if status and status["state"] == "queued"]
    assert len(unsent) > 300
    for handle in handles:
        system.outcome(handle.id)
    assert len([entry for entry in system.control.ledger().entries if entry.body == "flood"]) == 600


def test_a_cancelled_job_is_not_sent(system: System, recipient: str) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    job = system.client.send_sms(tenant="acme", to=recipient, body="hello", send_at=tomorrow, ttl=600)

    assert system.client.cancel(job.id)
    assert system.outcome(job.id)["state"] == "cancelled"


def test_of_many_jobs_together_each_is_sent_once_whatever_becomes_of_the_others(system: System, recipient: str) -> None:
    bad = "+12015552900"
    system.refuse(bad, 21610)
    # "Too many requests" in an earlier test has narrowed the account, and who waits at a gate has two nudges.
    for width in system.raw.scan_iter(keys.gate("*", "width")):
        system.raw.delete(width)
    wanted = [{"tenant": "acme", "channel": "sms", "to": recipient, "body": f"hello {n}"} for n in range(80)]
    handles = system.client.send_many([*wanted[:40], wanted[0] | {"to": bad}, *wanted[40:]])

    states = [system.outcome(handle.id)["state"] for handle in handles if isinstance(handle, Handle)]

    assert states == ["sent"] * 40 + ["failed"] + ["sent"] * 40
    assert sorted(entry.body for entry in system.accepted(recipient)) == sorted(job["body"] for job in wanted)
    # Nobody had to write a nudge again.
    assert {system.raw.hget(keys.job(handle.id), "hop") for handle in handles if isinstance(handle, Handle)} == {"1"}


def test_the_commands_tell_what_became_of_a_job(system: System, recipient: str) -> None:
    done = system.run("send", "--tenant", "acme", "--to", recipient, "--body", "hi", "--wait", "20", "--json")
    status = json.loads(done.stdout)

    shown = json.loads(system.run("jobs", "show", status["id"], "--json").stdout)

    assert (done.returncode, shown["state"], shown["account"]) == (0, "sent", ACME_SID)


def test_every_nudge_is_gone_when_all_is_done(system: System) -> None:
    redis = system.raw

    assert [redis.llen(queue) for queue in keys.ALL_QUEUES] == [0] * len(keys.ALL_QUEUES)
    assert redis.zcard(keys.LEASES) == redis.zcard(keys.DELAYED) == len(redis.keys("tl:placed:*")) == 0


def test_both_senders_of_one_account_are_told_apart(system: System, recipient: str) -> None:
    job = system.client.send_sms(tenant="globex", to=recipient, body="hello")

    outcome = system.outcome(job.id)

    assert (outcome["sender"], outcome["account"], outcome["attempts"][0]["number"]) == (
        "globex-twilio",
        GLOBEX_SID,
        "88022",
    )
