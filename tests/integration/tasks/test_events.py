"""The stream that tells other services what became of jobs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from providers.faults import Fault
from senders.model import Policy
from tasks.journal import Journal
from tests.support.flow import ACCEPTED, config, refused, worker
from tests.support.journal import TextRedis, cancel, enqueue, snapshot
from tests.support.limit_flow import NOWHERE
from trunkline_client import keys

pytestmark = pytest.mark.integration


async def told(redis: TextRedis) -> list[tuple[str, str]]:
    """Return kind and state of every event, oldest first."""
    return [(event["kind"], event["state"]) for event in await events(redis)]


async def events(redis: TextRedis) -> list[dict[str, str]]:
    return [event for _, event in await redis.xrange(keys.EVENTS)]


async def last(redis: TextRedis) -> dict[str, str]:
    return (await events(redis))[-1]


async def test_a_job_that_is_sent_tells_that_it_was_accepted_and_sent(redis: TextRedis) -> None:
    await enqueue(redis, options={"reference": "order 7", "locale": "en"})
    await worker(redis, config(), twilio=[ACCEPTED]).serve()

    assert await told(redis) == [("accepted", "queued"), ("sent", "sent")]
    assert await last(redis) == {
        "kind": "sent",
        "id": "job-1",
        "tenant": "acme",
        "channel": "sms",
        "lane": "normal",
        "reference": "order 7",
        "state": "sent",
        "sender": "acme-twilio",
        "provider": "twilio",
        "account": "AC" + "0" * 32,
        "provider_id": "SMjob-1.a1",
    }


async def test_a_fallback_tells_from_which_sender_to_which_and_why(redis: TextRedis) -> None:
    await enqueue(redis)
    await worker(redis, config(), twilio=[refused(Fault.AUTH)], syniverse=[ACCEPTED]).serve()

    accepted, fell_back, sent = await events(redis)
    assert (accepted["kind"], sent["kind"], sent["sender"]) == ("accepted", "sent", "acme-syniverse")
    assert {name: fell_back[name] for name in ("kind", "state", "sender", "fault", "next")} == {
        "kind": "fell_back",
        "state": "queued",
        "sender": "acme-twilio",
        "fault": "auth",
        "next": "acme-syniverse",
    }


async def test_a_job_that_nobody_can_send_tells_its_fault(redis: TextRedis) -> None:
    await enqueue(redis)
    no = refused(Fault.GEO)
    await worker(redis, config(), twilio=[no], syniverse=[no]).serve()

    assert await told(redis) == [("accepted", "queued"), ("fell_back", "queued"), ("failed", "failed")]
    assert (await last(redis))["fault"] == "geo"


async def test_a_rejected_job_tells_its_rule(redis: TextRedis) -> None:
    await enqueue(redis)
    await worker(redis, config(policy=Policy("default", country_limit=NOWHERE))).serve()

    assert (await last(redis))["rule"] == "country"


async def test_a_submitted_job_that_breaks_the_contract_is_told_too(redis: TextRedis, journal: Journal) -> None:
    await journal.reject_unrecorded("bad", "acme", ("to",))
    await journal.reject_unrecorded("bad", "acme", ("to",))

    said = {"kind": "rejected", "id": "bad", "tenant": "acme", "state": "rejected", "rule": "contract"}
    assert await events(redis) == [said]


async def test_a_cancelled_job_is_told_once(redis: TextRedis) -> None:
    await enqueue(redis)
    await cancel(redis)
    await cancel(redis)

    assert await told(redis) == [("accepted", "queued"), ("cancelled", "cancelled")]


async def test_the_same_job_again_is_no_event(redis: TextRedis) -> None:
    await enqueue(redis)
    await enqueue(redis)

    assert await told(redis) == [("accepted", "queued")]


async def test_an_event_has_the_fields_that_the_page_lists_and_none_without_a_word(redis: TextRedis) -> None:
    await enqueue(redis, options={"reference": "order 7"})
    await worker(redis, config(), twilio=[refused(Fault.AUTH)], syniverse=[ACCEPTED]).serve()

    seen = await events(redis)
    assert len(seen) == 3
    assert {name for event in seen for name in event} <= set(listed_fields())
    assert all(value for event in seen for value in event.values())


def listed_fields() -> list[str]:
    """Return the fields that docs/events.md lists."""
    sentence = re.search(r"The fields of an entry, as far as there is something to say: (.*?)\.", page(), re.DOTALL)
    assert sentence
    return re.findall(r"`([a-z_]+)`", sentence[1])


async def test_no_event_holds_anything_private(redis: TextRedis) -> None:
    await enqueue(redis, user="alice", to="+12015550123", body="Your code is 493817")
    await worker(redis, config(), twilio=[refused(Fault.AUTH)], syniverse=[ACCEPTED]).serve()

    shown = str(await redis.xrange(keys.EVENTS))
    assert "accepted" in shown
    assert not re.search(r"2015550123|493817|alice", shown)


async def test_the_stream_keeps_about_as_many_events_as_the_tuning_says(redis: TextRedis) -> None:
    await redis.hset(keys.TUNING, "events", 200)
    for number in range(1_000):
        await enqueue(redis, f"job-{number}")

    assert 200 <= await redis.xlen(keys.EVENTS) < 400


async def test_no_stream_is_written_where_nobody_wants_one(redis: TextRedis) -> None:
    await redis.hset(keys.TUNING, "events", 0)
    await enqueue(redis)
    await cancel(redis)

    assert keys.EVENTS not in await snapshot(redis)


def page() -> str:
    return Path("docs/events.md").read_text(encoding="utf-8")


def recipe() -> str:
    """Return the Python of docs/events.md."""
    found = re.search(r"```python\n(.*?)```", page(), re.DOTALL)
    assert found
    return found[1]


async def test_the_recipe_of_the_page_reads_each_event_once_and_takes_over_what_was_left(
    redis: TextRedis, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reader: dict[str, Any] = {}
    exec(recipe().replace("redis://127.0.0.1:6379/0", redis_url).replace("60_000", "0"), reader)  # noqa: S102
    reader["create_group"]()
    reader["create_group"]()
    await enqueue(redis)
    await worker(redis, config(), twilio=[ACCEPTED]).serve()

    taken = reader["next_events"]()
    assert [event["kind"] for _, event in taken] == ["accepted", "sent"]
    reader["CONSUMER"] = "billing-2"
    reader["work_once"]()
    reader["redis"].close()

    assert capsys.readouterr().out.splitlines()[-1] == f"job-1 AC{'0' * 32} SMjob-1.a1"
    assert (await redis.xpending(keys.EVENTS, "billing"))["pending"] == 0


def test_the_recipe_of_the_page_waits_for_an_answer_for_longer_than_for_an_event() -> None:
    reader: dict[str, Any] = {}
    exec(recipe(), reader)  # noqa: S102
    (block_ms,) = re.findall(r"block=([0-9_]+)", recipe())

    assert reader["redis"].get_connection_kwargs().get("socket_timeout", 5) > int(block_ms) / 1000
