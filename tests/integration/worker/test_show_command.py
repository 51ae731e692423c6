"""`jobs show`: the whole story of a job, with its recipient and text masked unless somebody asks on the record."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable

import pytest
from cryptography.fernet import Fernet

from providers.faults import Fault
from senders.secrets import KeyRing
from tests.support.cli import Ran, run_cli
from tests.support.flow import ACCEPTED, config, refused, syniverse, twilio, worker
from tests.support.journal import TextRedis, enqueue, now_ms
from trunkline_client import keys
from trunkline_client.connection import open_async
from trunkline_client.private import Private

pytestmark = pytest.mark.integration

TO, BODY = "+12015550123", "Your code is 493817"
KEY = Fernet.generate_key().decode()


@pytest.fixture
def env(redis_url: str) -> dict[str, str]:
    return {
        "TRUNKLINE_REDIS_URL": redis_url,
        "TRUNKLINE_SECRET_KEYS": KEY,
        "TRUNKLINE_ACTOR": "ops@x",
        "COLUMNS": "120",
    }


def having(env: dict[str, str], work: Callable[[TextRedis], Awaitable[object]]) -> None:
    """Do something in Redis first."""

    async def with_client() -> None:
        redis = open_async(env["TRUNKLINE_REDIS_URL"])
        await work(redis)
        await redis.aclose()

    asyncio.run(with_client())


async def fell_back(redis: TextRedis) -> None:
    await enqueue(redis, options={"reference": "r 1"})
    await worker(redis, config(), twilio=[refused(Fault.AUTH, "20003")]).serve()


async def asked_again(redis: TextRedis) -> None:
    await enqueue(redis)
    await worker(redis, config(), twilio=[refused(Fault.THROTTLED), ACCEPTED]).serve()


async def for_later(redis: TextRedis) -> None:
    await enqueue(redis, send_at_ms=await now_ms(redis) + 59_400)


async def failed(redis: TextRedis) -> None:
    await enqueue(redis)
    one = worker(
        redis,
        config(twilio(), syniverse()),
        twilio=[refused(Fault.GEO, "21408")],
        syniverse=[refused(Fault.GEO, "4045")],
    )
    await one.serve()
    sealed = KeyRing([KEY]).seal_content("job-1", Private(json.dumps({"to": TO, "body": BODY, "user": "bob-77"})))
    await redis.hset(keys.job("job-1"), "content", sealed)


def show(env: dict[str, str], *options: str) -> Ran:
    ran = run_cli("jobs", "show", "job-1", *options, env=env)
    assert (ran.code, ran.err) == (0, "")
    return ran


def is_private(text: str) -> bool:
    return not any(part in text for part in ("493817", "5550123", "Your code", "bob-77"))


def test_the_documented_fields_are_there_and_each_attempt_is_explained(env: dict[str, str]) -> None:
    having(env, fell_back)

    told = show(env, "--json").json
    assert (told["state"], told["sender"], told["account"]) == ("sent", "acme-syniverse", "acme-syniverse")
    first, second = told["attempts"]
    assert [first[name] for name in ("sender", "provider", "outcome", "fault", "code")] == [
        *("acme-twilio", "twilio", "refused", "auth", "20003")
    ]
    assert first["fault_meaning"] == "the account's credentials are refused"
    assert first["code_page"] == "https://www.twilio.com/docs/api/errors/20003"
    assert first["code_meaning"].startswith("the Account SID or auth token is wrong")
    assert (second["outcome"], second["code_page"], told["receipt"]) == ("accepted", None, None)
    assert (told["reference"], told["country"], told["content"]["kept"]) == ("r 1", "US", "erased")
    assert told["created"] <= told["claimed"] <= told["finished"] < told["kept_until"]
    assert told["place"] is None


def test_the_story_is_told_to_people(env: dict[str, str]) -> None:
    having(env, fell_back)

    out = show(env).out
    for line in (
        "job-1 sent\nsender acme-syniverse, account charged acme-syniverse, message SMjob-1.a2\n",
        "tenant acme, sms, normal, country US, reference r 1\n",
        "recipient and text erased: nothing can send this job again\n",
        "  1: auth: the account's credentials are refused\n",
        "  1: https://www.twilio.com/docs/api/errors/20003\n",
        "receipt none",
    ):
        assert line in out


def test_a_narrow_terminal_folds_the_attempts_and_cuts_nothing_off(env: dict[str, str]) -> None:
    having(env, fell_back)

    out = show({**env, "FORCE_COLOR": "1", "COLUMNS": "60"}).out
    assert len(re.findall(r"^ {10,}\S", out, re.MULTILINE)) >= 1
    assert "…" not in out


def test_only_a_job_for_later_has_a_time_when_it_was_due(env: dict[str, str]) -> None:
    having(env, asked_again)
    told, out = show(env, "--json").json, show(env).out
    assert told["due"] == told["created"]
    assert "\ndue " not in out

    having(env, lambda redis: redis.delete(keys.job("job-1")))
    having(env, for_later)
    assert re.search(r"^due +\S+  59 s later$", show(env).out, re.MULTILINE)


def test_a_waiting_job_tells_what_it_waits_for_and_masks_its_recipient(env: dict[str, str]) -> None:
    having(env, lambda redis: enqueue(redis, "before"))
    having(env, lambda redis: enqueue(redis, user="bob-77"))

    told, out = show(env, "--json"), show(env).out
    assert "in the lane dispatch.normal" in out
    assert "about 1 before it: it waits for a worker" in out
    assert told.json["content"] == {"kept": "clear", "to": "+*********23", "body_length": len(BODY)}
    assert "to +*********23, 19 characters: --reveal shows them" in out
    assert is_private(told.out + out)


def test_sealed_content_says_so(env: dict[str, str]) -> None:
    having(env, failed)

    told, out = show(env, "--json"), show(env).out
    assert out.startswith("job-1 failed (geo): the account may not send to the recipient's country\n")
    assert "recipient and text encrypted: --reveal shows them\n" in out
    assert told.json["content"] == {"kept": "sealed", "to": None, "body_length": None}
    assert is_private(told.out + out)


def test_revealing_shows_the_content_and_is_on_the_record(env: dict[str, str]) -> None:
    having(env, failed)

    out = show(env, "--reveal").out
    assert f"recipient {TO}\nuser bob-77\ntext:\n  {BODY}\n" in out
    assert show(env, "--reveal", "--json").json["content"]["body"] == BODY
    events = run_cli("audit", "--subject", "job-1", "--json", env=env).json
    assert [(event["actor"], event["action"], event["tenant"]) for event in events] == [
        *(("ops@x", "job.revealed", "acme"),) * 2
    ]
    assert is_private(str(events))
    assert "ops@x  job.revealed" in show(env).out


def test_what_cannot_be_put_on_the_record_is_not_revealed(env: dict[str, str]) -> None:
    having(env, failed)
    having(env, lambda redis: redis.set(keys.AUDIT, "no stream"))

    ran = run_cli("jobs", "show", "job-1", "--reveal", env=env)
    assert ran.code == 1
    assert ran.out == ""
    assert is_private(ran.err)


@pytest.mark.parametrize(
    ("work", "more", "problem"),
    [
        (fell_back, {}, "the recipient and the text of job-1 were erased"),
        (
            failed,
            {"TRUNKLINE_SECRET_KEYS": Fernet.generate_key().decode()},
            "the content of job job-1 cannot be opened",
        ),
    ],
)
def test_what_is_gone_or_sealed_with_another_key_is_refused_and_leaves_no_event(
    env: dict[str, str], work: Callable[[TextRedis], Awaitable[object]], more: dict[str, str], problem: str
) -> None:
    having(env, work)

    ran = run_cli("jobs", "show", "job-1", "--reveal", env=env | more)
    assert (ran.code, ran.out) == (1, "")
    assert problem in ran.err
    assert run_cli("audit", "--json", env=env).json == []


def test_revealing_needs_the_keys(env: dict[str, str]) -> None:
    having(env, failed)

    ran = run_cli("jobs", "show", "job-1", "--reveal", env=env | {"TRUNKLINE_SECRET_KEYS": ""})
    assert (ran.code, ran.out) == (1, "")
    assert "TRUNKLINE_SECRET_KEYS" in ran.err


def test_a_replayed_job_names_who_replayed_it(env: dict[str, str]) -> None:
    having(env, failed)
    (run_id,) = re.findall(r"replay (\w+):", run_cli("replay", "job-1", "--yes", env=env).out)

    told, out = show(env, "--json").json, show(env).out
    assert (told["replays"], told["attempts"][0]["earlier_life"]) == (1, True)
    assert (told["by_hand"][0]["actor"], told["replayed_by"]) == ("ops@x", [run_id])
    assert f"replayed once (run {run_id})" in out
    assert "ops@x  job.replayed  ~ state: failed -> queued" in out


@pytest.mark.parametrize("field", ["attempts", "created_ms", "attempt:1"])
def test_a_damaged_record_is_one_line_and_is_not_quoted(env: dict[str, str], field: str) -> None:
    having(env, fell_back)
    having(env, lambda redis: redis.hset(keys.job("job-1"), field, "plain:{493817"))

    ran = run_cli("jobs", "show", "job-1", env=env)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.count("\n") == 1
    assert is_private(ran.err)


def test_damaged_content_does_not_hide_the_rest(env: dict[str, str]) -> None:
    having(env, fell_back)
    having(env, lambda redis: redis.hset(keys.job("job-1"), "content", "plain:{493817"))

    out = show(env).out
    assert "job-1 sent\n" in out
    assert "recipient and text damaged: they cannot be read\n" in out
    assert is_private(out)
    ran = run_cli("jobs", "show", "job-1", "--reveal", env=env)
    assert (ran.code, ran.err) == (1, "trunkline: the content of job-1 cannot be read\n")


def test_an_unknown_job_is_one_line(env: dict[str, str]) -> None:
    ran = run_cli("jobs", "show", "nobody", env=env)
    assert (ran.code, ran.err) == (1, "trunkline: there is no job nobody; finished jobs are kept for a time only\n")
