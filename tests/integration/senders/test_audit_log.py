from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from senders.audit import AuditAction, AuditEvent, FieldChange
from senders.audit_log import START, AuditLog, Wanted
from senders.document import encode
from senders.store import ConfigConflict, ConfigStore, Replacement
from tests.support.journal import TextRedis
from tests.support.sender_samples import phone, tenant, twilio
from trunkline_client import keys

pytestmark = pytest.mark.integration

ANY = Wanted()


def event(subject: str, **fields: str) -> AuditEvent:
    known = AuditEvent(actor="ops", action=AuditAction.SENDER_UPDATED, tenant="acme", subject=subject)
    return replace(known, **fields)  # type: ignore[arg-type]  # all of these fields are text


def change(expected_version: int) -> dict[str, Replacement]:
    return {"acme": Replacement(expected_version, encode(tenant(twilio(phone("+14155550100")))))}


async def subjects(log: AuditLog, wanted: Wanted = ANY, limit: int = 100) -> list[str]:
    return [entry.event.subject for entry in await log.newest(wanted, limit)]


async def test_a_change_and_its_events_are_recorded_together(redis: Redis) -> None:
    await ConfigStore(redis).replace(change(0), token="t1", events=[event("a"), event("b")])

    assert await subjects(AuditLog(redis)) == ["b", "a"]


async def test_a_change_that_conflicts_leaves_no_event(redis: Redis) -> None:
    store = ConfigStore(redis)
    with pytest.raises(ConfigConflict):
        await store.replace(change(5), token="t1", events=[event("a")])

    assert await subjects(AuditLog(redis)) == []


async def test_a_change_that_is_sent_again_leaves_its_events_once(redis: Redis) -> None:
    store = ConfigStore(redis)
    for _ in range(2):
        await store.replace(change(0), token="t1", events=[event("a")])

    assert await subjects(AuditLog(redis)) == ["a"]


async def test_an_event_without_a_change_is_recorded_once(redis: Redis) -> None:
    log = AuditLog(redis)
    await log.append(event("a"), token="t1")
    await log.append(event("a"), token="t1")

    assert await subjects(log) == ["a"]
    assert await ConfigStore(redis).tenants() == ()


async def test_the_audit_keeps_about_as_many_events_as_the_setting_says(redis: TextRedis) -> None:
    await redis.hset(keys.TUNING, "audit_events", 1000)
    log = AuditLog(redis)
    for index in range(5):
        await log.append(*(event(f"{index}") for _ in range(500)), token=f"t{index}")

    # Redis drops whole blocks of its stream, of 100 entries each by default
    assert 1000 <= await redis.xlen(keys.AUDIT) <= 1100
    assert (await subjects(log, limit=1)) == ["4"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(tenant="globex"), ["c"]),
        (Wanted(actor="eve"), ["b"]),
        (Wanted(action=AuditAction.SENDER_DELETED), ["a"]),
        (Wanted(tenant="acme", actor="ops"), ["d", "a"]),
        (Wanted(actor='öps "x" \\'), ["e"]),
        (Wanted(actor="globex"), []),
        (Wanted(tenant="initech"), []),
    ],
)
async def test_entries_are_chosen_by_tenant_actor_and_action(redis: Redis, wanted: Wanted, found: list[str]) -> None:
    log = AuditLog(redis)
    chosen = (event("a", action=AuditAction.SENDER_DELETED), event("b", actor="eve"), event("c", tenant="globex"))
    claims = replace(event("d"), changes=(FieldChange('"tenant":"globex"', "eve", '"actor":"eve"'),))
    await log.append(*chosen, claims, event("e", tenant="x", actor='öps "x" \\'), token="t1")

    assert await subjects(log, wanted) == found


async def test_entries_are_chosen_by_time(redis: Redis) -> None:
    log = AuditLog(redis)
    await log.append(event("a"), token="t1")
    (entry,) = await log.newest(ANY, 1)
    later, earlier = entry.at + timedelta(seconds=1), entry.at - timedelta(seconds=1)

    assert await subjects(log, Wanted(since=entry.at, until=entry.at)) == ["a"]
    assert await subjects(log, Wanted(since=later)) == await subjects(log, Wanted(until=earlier)) == []


async def test_a_rare_entry_is_found_behind_thousands_of_others(redis: Redis) -> None:
    log = AuditLog(redis)
    await log.append(event("rare", tenant="globex"), *(event("a") for _ in range(2500)), token="t1")

    assert await subjects(log, Wanted(tenant="globex")) == ["rare"]


async def test_pages_follow_each_other_without_a_gap(redis: Redis) -> None:
    log = AuditLog(redis)
    await log.append(*(event(str(index)) for index in range(5)), token="t1")

    first = await log.newest(ANY, 3)
    second = await log.newest(ANY, 3, end=f"({first[-1].id}")

    assert [entry.event.subject for entry in (*first, *second)] == ["4", "3", "2", "1", "0"]


async def test_whoever_follows_sees_what_is_recorded_from_then_on(redis: Redis) -> None:
    log = AuditLog(redis)
    assert await log.last_id() == START
    await log.append(event("before"), token="t1")
    stream = log.follow(Wanted(tenant="acme"), after=await log.last_id())
    waiting = asyncio.ensure_future(anext(stream))

    await log.append(event("other", tenant="globex"), event("mine"), token="t2")

    assert (await waiting).event.subject == "mine"
    await stream.aclose()  # type: ignore[attr-defined]
