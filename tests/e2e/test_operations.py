"""The runbooks of docs/operations.md, each on an installation to which just that has happened."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace

import pytest
from cryptography.fernet import Fernet

from tasks.journal import Journal
from tests.support.in_hand import held_unknown
from tests.support.redis_server import RedisServer
from tests.support.runbooks import Runbook
from tests.support.system import ACME_SID, TOKENS, System, running, world
from trunkline_client import keys
from trunkline_client.connection import open_async
from trunkline_client.errors import NotAccepted
from trunkline_client.words import JobState

pytestmark = pytest.mark.e2e
needs_jq = pytest.mark.skipif(shutil.which("jq") is None, reason="this runbook uses jq, which is not installed")

#: an address where no Twilio is.
NOWHERE = {"TRUNKLINE_TWILIO_API_URL": "http://127.0.0.1:1", "TRUNKLINE_TWILIO_MESSAGING_URL": "http://127.0.0.1:1"}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("operations")
    options = ("--hash-max-ziplist-value", "1024")
    with RedisServer(folder / "server", aof=True, options=options) as server, running(folder, redis=server) as system:
        yield system


@pytest.fixture
def sound(system: System) -> Iterator[System]:
    """The installation, sound and empty, with one worker."""
    system.raw.config_set("maxmemory", 0)
    system.redis.flush()
    system.control.use(world())
    system.control.forget_messages()
    system.apply()
    system.start_worker().wait_ready()
    yield system
    stop_workers(system)


def stop_workers(system: System) -> None:
    while system.workers:
        system.workers.pop().stop()


def send(system: System, job_id: str, *, tenant: str = "acme", reference: str | None = None, ttl: float = 600) -> str:
    """Enqueue a message, each to a recipient of its own."""
    number = int(job_id.rpartition("-")[2])
    to = f"+1415555{number:04}"
    system.client.send_sms(tenant=tenant, to=to, body="Your code is 493817", id=job_id, reference=reference, ttl=ttl)
    return job_id


def sent_over(system: System, job_id: str) -> str | None:
    status = system.outcome(job_id)
    assert status["state"] == JobState.SENT
    return status["sender"]


def accepted_once(system: System, count: int) -> bool:
    """Return whether the providers accepted exactly one message for each of so many recipients."""
    recipients = [entry.to for entry in system.control.ledger().entries]
    return len(recipients) == len(set(recipients)) == count


@needs_jq
def test_a_provider_that_is_down_is_passed_over_and_taken_back(sound: System) -> None:
    book = Runbook.of(sound, "Provider down")
    stop_workers(sound)
    sound.start_worker(variables=NOWHERE).wait_ready()
    assert sent_over(sound, send(sound, "late-1")) == "acme-syniverse"

    assert "syniverse" in book.step("trunkline jobs stats").out
    assert book.step("trunkline jobs list --state reconciling").code == 0
    assert book.step("trunkline senders verify", **NOWHERE).code == 1

    assert book.step("trunkline senders disable acme-twilio").code == 0
    assert sent_over(sound, send(sound, "passed-2")) == "acme-syniverse"
    assert calls_of(sound, "passed-2") == ["acme-syniverse"]
    everywhere = book.step("trunkline export --json")
    assert (everywhere.code, everywhere.err) == (0, "")
    assert sent_over(sound, send(sound, "passed-3", tenant="globex")) == "globex-syniverse"

    hold_one(sound)
    assert "taken out of use: acme/acme-twilio, globex/globex-" in sound.run("doctor").stdout
    assert book.step("trunkline senders enable").code == 0
    assert sent_over(sound, send(sound, "own-4")) == "acme-twilio"
    assert "job-1" in book.step("trunkline jobs list --state held").out
    book.names["JOB"] = "job-1"
    assert "settled: sent" in book.step("trunkline jobs settle").out
    assert book.step("trunkline replay --state held").code == 0
    assert book.is_done


def calls_of(system: System, job_id: str) -> list[str]:
    """Return the senders that were called for a job; those that were passed over have no number."""
    status = system.client.status(job_id)
    assert status is not None
    return [attempt["sender"] for attempt in status["attempts"] if attempt["number"]]


def hold_one(system: System) -> None:
    """Leave job-1 held for an attempt that nobody knows the outcome of. No worker may take it meanwhile."""

    async def hold() -> None:
        redis = open_async(system.redis.url)
        try:
            await held_unknown(redis, Journal(redis, lease_ms=10_000))
        finally:
            await redis.aclose()

    stop_workers(system)
    asyncio.run(hold())
    system.start_worker().wait_ready()


def test_a_revoked_token_is_replaced_and_its_failures_are_replayed(sound: System) -> None:
    book = Runbook.of(sound, "Token revoked")
    before = sound.control.world()
    sound.control.revoke_token(ACME_SID)
    sound.control.revoke_token("syniverse")
    failed = sound.outcome(send(sound, "failed-1"))
    assert (failed["state"], failed["fault"]) == ("failed", "auth")
    sound.control.use(before)
    sound.control.revoke_token(ACME_SID)
    fell_back = send(sound, "fell-back-2")
    assert sent_over(sound, fell_back) == "acme-syniverse"

    doctor = book.step("trunkline doctor")
    assert doctor.code == 1
    assert "acme/acme-twilio" in doctor.out
    assert fell_back in book.step("trunkline jobs list").out
    book.names["JOB"] = fell_back
    assert "auth" in book.step("trunkline jobs show").out

    acme, *others = before.twilio
    sound.control.use(replace(before, twilio=(replace(acme, token="a-new-token"), *others)))
    assert book.step("trunkline senders replace", ACME_NEW_TOKEN="a-new-token").code == 0
    assert "acme/acme-twilio" not in book.step("trunkline doctor").out
    assert "Nothing was done" in book.step("trunkline replay").out
    assert book.step("trunkline replay").code == 0
    assert sent_over(sound, "failed-1") == "acme-twilio-2"
    assert accepted_once(sound, 2)
    assert book.is_done


@needs_jq
def test_a_campaign_is_called_back_from_a_growing_backlog(sound: System) -> None:
    book = Runbook.of(sound, "Backlog growing")
    stop_workers(sound)
    wanted = [send(sound, f"code-{number}") for number in range(3)]
    for number in range(100, 220):
        send(sound, f"campaign-{number}", reference="campaign-9")

    stats = json.loads(sound.run("jobs", "stats", "--json").stdout)
    assert sum(lane["in_lane"] + lane["waiting"] for lane in stats["lanes"]) == 123
    assert "acme" in book.step("trunkline jobs stats").out
    doctor = book.step("trunkline doctor")
    assert doctor.code == 1
    assert "no_worker" in doctor.out
    cancelled = book.step("trunkline jobs list")
    assert cancelled.code == 0, cancelled.err
    assert book.is_done

    sound.start_worker().wait_ready()
    assert {sent_over(sound, job_id) for job_id in wanted} == {"acme-twilio"}
    assert accepted_once(sound, 3)


def test_a_full_redis_takes_jobs_again(sound: System) -> None:
    book = Runbook.of(sound, "Redis full")
    used = sound.raw.info("memory")["used_memory"] // 2
    sound.raw.config_set("maxmemory", used)
    with pytest.raises(NotAccepted, match="full"):
        fill(sound)

    doctor = book.step("trunkline doctor")
    assert doctor.code == 1
    assert "memory" in doctor.out
    assert "used_memory" in book.step("redis-cli info memory").out
    assert book.step("redis-cli config set").code == 0
    healed = book.step("trunkline doctor")
    assert healed.code == 0, healed.out
    assert book.is_done
    assert sent_over(sound, send(sound, "accepted-1")) == "acme-twilio"


def fill(system: System) -> None:
    """Enqueue until it is refused."""
    for number in range(1000, 3000):
        send(system, f"refused-{number}")


def test_a_bad_deploy_is_told_by_the_doctor(sound: System) -> None:
    book = Runbook.of(sound, "Bad deploy")
    other = Fernet.generate_key().decode()

    doctor = book.step("trunkline doctor", TRUNKLINE_SECRET_KEYS=other)
    assert doctor.code == 1
    assert "unreadable_secret" in doctor.out
    book.step("trunkline secrets status", TRUNKLINE_SECRET_KEYS=other)
    assert book.is_done
    assert sound.run("doctor").returncode == 0


def test_a_nights_failures_are_replayed_and_each_is_sent_once(sound: System) -> None:
    book = Runbook.of(sound, "Replaying a night's failures")
    before = sound.control.world()
    sound.control.revoke_token(ACME_SID)
    sound.control.revoke_token("syniverse")
    jobs = [send(sound, f"night-{number}", ttl=6) for number in range(30)]
    assert {sound.outcome(job_id)["fault"] for job_id in jobs} == {"auth"}
    sound.control.use(before)
    sound.raw.hset(keys.job("night-7"), "expires_ms", 1)  # its life was over long before the morning

    assert "auth" in book.step("trunkline jobs stats").out
    assert book.step("trunkline jobs list").out.count("night-") == 20
    assert "30 selected: 30 would be requeued" in book.step("trunkline replay").out
    some = book.step("trunkline replay")
    assert (some.code, "10 sent" in some.out) == (0, True)
    rest = book.step("trunkline replay")
    assert (rest.code, "20 sent" in rest.out) == (0, True)
    assert book.step("trunkline replay --runs").code == 0
    book.names["RUN"] = json.loads(sound.run("replay", "--runs", "--json").stdout)[0]["run"]
    assert book.step("trunkline replay --resume").code == 0
    assert book.is_done
    assert {sent_over(sound, job_id) for job_id in jobs} == {"acme-twilio"}
    assert accepted_once(sound, 30)
    assert not [token for token in TOKENS.values() if token in rest.out + rest.err]
