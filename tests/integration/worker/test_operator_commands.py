"""`jobs cancel`, `jobs settle` and `replay` as an operator runs them, over a real Redis and without a worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cryptography.fernet import Fernet

from providers.faults import Fault
from tasks import moves
from tasks.journal import Journal
from tests.support.cli import Ran, run_cli
from tests.support.immediate import ImmediateCalls, immediate, run
from tests.support.in_hand import REFUSED, begin, end, failed, held_unknown, in_hand, sent
from tests.support.journal import TextRedis, enqueue
from trunkline_client import keys
from trunkline_client.connection import open_sync

pytestmark = pytest.mark.integration


@pytest.fixture
def env(redis_url: str) -> dict[str, str]:
    key = Fernet.generate_key().decode()
    return {"TRUNKLINE_REDIS_URL": redis_url, "TRUNKLINE_SECRET_KEYS": key, "TRUNKLINE_ACTOR": "ops@x", "COLUMNS": "80"}


@pytest.fixture
def now(redis_url: str) -> Iterator[TextRedis]:
    """A client whose calls are over when they are made."""
    client = open_sync(redis_url)
    yield immediate(client)
    client.close()


@pytest.fixture
def journal(now: TextRedis) -> Journal:
    return Journal(now, lease_ms=10_000, calls=ImmediateCalls(now))


def told(ran: Ran, code: int) -> str:
    """Return the one line of a command that was refused."""
    assert (ran.code, ran.out) == (code, "")
    return ran.err.strip()


def test_cancelling_tells_that_a_job_is_being_sent(env: dict[str, str], now: TextRedis, journal: Journal) -> None:
    run(begin(journal, run(in_hand(now, journal))))

    assert told(run_cli("jobs", "cancel", "job-1", env=env), 1) == (
        "trunkline: it is too late to cancel job-1: it is being sent now"
    )


def test_cancelling_tells_that_a_job_may_have_been_sent(env: dict[str, str], now: TextRedis, journal: Journal) -> None:
    run(held_unknown(now, journal))

    assert "it may have been sent, and is held for that" in told(run_cli("jobs", "cancel", "job-1", env=env), 1)


def test_cancelling_tells_that_a_job_is_looked_up(env: dict[str, str], now: TextRedis, journal: Journal) -> None:
    run(held_unknown(now, journal))
    run_cli("replay", "job-1", "--unknown", "--yes", env=env)

    assert "and is being looked up" in told(run_cli("jobs", "cancel", "job-1", env=env), 1)


@pytest.mark.parametrize(
    ("move", "why"),
    [(sent(), "it was sent"), (moves.failed(Fault.AUTH), "it has failed"), (moves.expired(), "its life was over")],
)
def test_cancelling_tells_how_a_job_has_ended(
    env: dict[str, str], now: TextRedis, journal: Journal, move: moves.Move, why: str
) -> None:
    claimed = run(in_hand(now, journal))
    run(begin(journal, claimed))
    run(end(journal, claimed, move if move.attempt else move.ending(1, REFUSED, 5)))

    assert told(run_cli("jobs", "cancel", "job-1", env=env), 1).endswith(f"cancel job-1: {why}")


def test_a_job_in_hand_without_an_attempt_is_cancelled(env: dict[str, str], now: TextRedis, journal: Journal) -> None:
    run(in_hand(now, journal))

    assert run_cli("jobs", "cancel", "job-1", env=env).out == "job-1 cancelled\n"


@pytest.mark.parametrize(
    "flags",
    [(), ("--sent", "--failed"), ("--failed", "--attempt", "1"), ("--failed", "--provider-id", "SM1")],
)
def test_settling_needs_exactly_one_end(env: dict[str, str], flags: tuple[str, ...]) -> None:
    assert run_cli("jobs", "settle", "job-1", *flags, env=env).code == 2


@pytest.mark.parametrize("provider_id", ["", "a b", "\x07", "x" * 257])
def test_a_message_id_that_none_can_be_is_bad_usage(env: dict[str, str], provider_id: str) -> None:
    ran = run_cli("jobs", "settle", "job-1", "--sent", "--provider-id", provider_id, env=env)

    assert "printable characters without spaces" in told(ran, 2)


def test_settling_an_unknown_job_is_refused(env: dict[str, str]) -> None:
    assert told(run_cli("jobs", "settle", "nobody", "--failed", env=env), 1) == (
        "trunkline: nobody cannot be settled: there is no such job; finished jobs are kept for a time only"
    )


@pytest.mark.parametrize(("flag", "state"), [("--sent", "sent"), ("--failed", "failed")])
def test_a_held_job_is_settled_by_its_operator(
    env: dict[str, str], now: TextRedis, journal: Journal, flag: str, state: str
) -> None:
    run(held_unknown(now, journal))

    assert run_cli("jobs", "settle", "job-1", flag, "--json", env=env).json == {"id": "job-1", "state": state}
    assert run_cli("jobs", "show", "job-1", "--json", env=env).json["state"] == state
    assert run_cli("audit", "--actor", "ops@x", "--json", env=env).json[0]["action"] == "job.settled"


def test_content_is_kept_where_the_setting_says_so(env: dict[str, str], now: TextRedis, journal: Journal) -> None:
    run(held_unknown(now, journal))

    ran = run_cli("jobs", "settle", "job-1", "--sent", env={**env, "TRUNKLINE_KEEP_CONTENT": "1"})

    assert ran.out == "job-1 settled: sent\n"
    assert run(now.hexists(keys.job("job-1"), "content"))


def test_a_replay_without_a_selector_is_bad_usage(env: dict[str, str]) -> None:
    assert "say which jobs" in told(run_cli("replay", "--yes", env=env), 2)


@pytest.mark.parametrize("ttl", ["soon", "4s", "8d", "-1", "9999999d"])
def test_a_life_no_job_may_have_is_bad_usage(env: dict[str, str], ttl: str) -> None:
    assert "5 seconds to 7 days" in told(run_cli("replay", "job-1", "--ttl", ttl, env=env), 2)


def test_without_a_yes_a_replay_only_shows(env: dict[str, str], now: TextRedis, journal: Journal) -> None:
    run(failed(now, journal))

    shown = run_cli("replay", "job-1", "nobody", env=env)

    assert shown.code == 0
    assert "│ job-1 │ acme   │ sms" in shown.out
    assert shown.out.splitlines()[-3:] == [
        "nobody refused: no such job",
        "2 selected: 1 would be requeued, 1 refused",
        "Nothing was done: this only shows. --yes does it.",
    ]
    assert run(now.hget(keys.job("job-1"), "state")) == "failed"


def test_a_replay_requeues_what_failed(env: dict[str, str], now: TextRedis, journal: Journal) -> None:
    run(failed(now, journal))

    ran = run_cli("replay", "job-1", "job-1", "--ttl", "10m", "--yes", "--json", env=env)

    assert (ran.code, ran.json) == (0, {"selected": 1, "requeued": 1, "refused": []})
    assert run(now.hget(keys.job("job-1"), "state")) == "queued"


def test_a_replay_that_is_refused_for_one_job_requeues_the_others(
    env: dict[str, str], now: TextRedis, journal: Journal
) -> None:
    run(failed(now, journal))
    run(enqueue(now, "job-2"))

    ran = run_cli("replay", "job-1", "job-2", "--yes", "--json", env=env)

    refused = [{"id": "job-2", "reason": "not failed (queued)"}]
    assert (ran.code, ran.json) == (1, {"selected": 2, "requeued": 1, "refused": refused})


def test_a_damaged_record_keeps_no_other_job_from_its_replay(
    env: dict[str, str], now: TextRedis, journal: Journal
) -> None:
    run(failed(now, journal))
    run(now.set(keys.job("job-2"), "no record"))

    ran = run_cli("replay", "job-2", "job-1", "--yes", env=env)

    assert ran.code == 1
    assert ran.out.splitlines()[:2] == ["job-2 refused: its record cannot be read", "job-1 queued"]


def test_several_jobs_are_cancelled_at_once_and_what_is_too_late_is_named(
    env: dict[str, str], now: TextRedis, journal: Journal
) -> None:
    run(begin(journal, run(in_hand(now, journal))))
    for job_id in ("a", "b"):
        run(enqueue(now, job_id))

    ran = run_cli("jobs", "cancel", "a", "job-1", "a", "nobody", "--json", env=env)
    assert (ran.code, ran.json["cancelled"]) == (1, ["a"])
    assert [refused["id"] for refused in ran.json["refused"]] == ["job-1", "nobody"]
    texts = run_cli("jobs", "cancel", "b", "job-1", env=env)
    assert (texts.code, texts.out) == (1, "b cancelled\n")
    assert texts.err == "trunkline: it is too late to cancel job-1: it is being sent now\n"
