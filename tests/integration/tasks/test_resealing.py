"""Everything sealed comes under the first key of a ring, whatever workers and administrators do meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from cryptography.fernet import Fernet

from providers.faults import Fault
from senders.audit import AuditAction
from senders.audit_log import AuditLog, Wanted
from senders.model import Sender, TenantConfig
from senders.resealing import MOST_NAMED, Tally
from senders.secrets import KeyRing
from senders.store import ConfigStore, Replacement
from tasks.resealing import Resealing
from tests.support import flow
from tests.support.flow import config, refused, worker
from tests.support.journal import TextRedis, enqueue, snapshot
from trunkline_client import keys
from trunkline_client.private import Private, Token

pytestmark = pytest.mark.integration

OLD, NEW = KeyRing([first := Fernet.generate_key().decode()]), KeyRing([second := Fernet.generate_key().decode()])
BOTH = KeyRing([second, first])
SECRET = {"token": Token("the-auth-token")}
TOKENS = map(str, itertools.count())


def sealed(sender: Sender, ring: KeyRing = OLD) -> Sender:
    return replace(sender, sealed_secret=ring.seal("acme", sender.key, SECRET))


async def save(redis: TextRedis, wanted: TenantConfig) -> None:
    store = ConfigStore(redis)
    change = Replacement.of(await store.load(wanted.tenant), wanted)
    await store.replace({wanted.tenant: change}, token=f"save {next(TOKENS)}")


async def stored(redis: TextRedis) -> TenantConfig:
    found = await ConfigStore(redis).load("acme")
    assert found is not None
    return found


async def rotate(redis: TextRedis, ring: KeyRing = BOTH, actor: str | None = "ops") -> Tally:
    return await Resealing(redis, ring, new_token=lambda: next(TOKENS), actor=actor).walk()


async def failed_job(redis: TextRedis, job_id: str = "job-1", ring: KeyRing = OLD) -> None:
    """Leave a job whose content a worker has sealed."""
    one = worker(redis, config(flow.twilio()), twilio=[refused(Fault.AUTH)])
    one.services = replace(one.services, content=ring)
    await enqueue(redis, job_id)
    await one.serve()


async def content_of(redis: TextRedis, job_id: str = "job-1") -> str:
    return str(await redis.hget(keys.job(job_id), "content"))


async def test_secrets_of_senders_and_of_deleted_ones_come_under_the_first_key(redis: TextRedis) -> None:
    await save(redis, replace(config(sealed(flow.twilio())), retired=(sealed(flow.syniverse()),)))

    tally = await rotate(redis)

    found = await stored(redis)
    assert (tally.resealed, tally.unreadable, found.version) == (2, 0, 2)
    for sender in (*found.senders.values(), *found.retired):
        assert NEW.open("acme", sender.key, sender.sealed_secret) == SECRET


async def test_the_content_of_a_job_comes_under_the_first_key_and_keeps_its_end(redis: TextRedis) -> None:
    await failed_job(redis)
    before = OLD.open_content("job-1", await content_of(redis))

    assert (await rotate(redis)).resealed == 1
    assert NEW.open_content("job-1", await content_of(redis)) == before
    assert await redis.pttl(keys.job("job-1")) > 0


async def test_a_clear_content_is_left_to_its_worker(redis: TextRedis) -> None:
    await enqueue(redis)

    assert (await rotate(redis)).by_key == {}
    assert (await content_of(redis)).startswith("plain:")


async def test_a_sealed_string_comes_under_the_first_key(redis: TextRedis) -> None:
    await redis.set(keys.COUNTER_KEY, OLD.seal_content("counters", Private("k")), ex=60)

    assert (await rotate(redis)).resealed == 1
    assert NEW.open_content("counters", await redis.get(keys.COUNTER_KEY)) == Private("k")
    assert await redis.ttl(keys.COUNTER_KEY) > 0


async def test_a_second_run_finds_nothing_to_do_and_changes_nothing(redis: TextRedis) -> None:
    await save(redis, config(sealed(flow.twilio()), sealed(flow.syniverse())))
    await failed_job(redis)
    await rotate(redis)
    before = await snapshot(redis)

    tally = await rotate(redis)

    assert (tally.resealed, tally.by_key) == (0, {1: 3})
    assert await snapshot(redis) == before


async def test_counting_changes_nothing(redis: TextRedis) -> None:
    await save(redis, config(sealed(flow.twilio()), sealed(flow.syniverse(), NEW)))
    await failed_job(redis)
    before = await snapshot(redis)

    tally = await rotate(redis, actor=None)

    assert (tally.resealed, tally.by_key) == (0, {1: 1, 2: 2})
    assert await snapshot(redis) == before


async def test_what_no_key_opens_is_named_and_the_rest_is_done(redis: TextRedis) -> None:
    lost = KeyRing([Fernet.generate_key().decode()])
    await save(redis, config(sealed(flow.twilio(), lost), sealed(flow.syniverse())))
    await redis.hset(keys.config("globex"), mapping={"version": 1, "document": "{}"})
    await redis.sadd(keys.TENANTS, "globex")
    await failed_job(redis, "job-1", lost)
    await failed_job(redis, "job-2")

    tally = await rotate(redis)

    assert sorted(tally.named) == ["job job-1", "sender acme/acme-twilio", "the configuration of tenant globex"]
    assert (tally.unreadable, tally.resealed) == (3, 2)


async def test_of_very_many_unreadable_things_the_first_are_named() -> None:
    tally = Tally()
    for index in range(MOST_NAMED + 5):
        tally.meet(f"job {index}", None)

    assert (tally.unreadable, len(tally.named)) == (MOST_NAMED + 5, MOST_NAMED)


async def test_an_administrator_who_saves_meanwhile_loses_nothing(
    redis: TextRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await save(redis, config(sealed(flow.twilio())))
    added = config(*(await stored(redis)).senders.values(), sealed(flow.syniverse()))
    once(monkeypatch, ConfigStore, "load", lambda: save(redis, replace(added, version=1)))

    tally = await rotate(redis)

    found = await stored(redis)
    assert set(found.senders) == {"acme-twilio", "acme-syniverse"}
    assert (tally.resealed, tally.by_key, found.version) == (2, {2: 2}, 3)


async def test_a_content_that_is_erased_meanwhile_does_not_come_back(
    redis: TextRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await failed_job(redis)
    erase = redis.hdel(keys.job("job-1"), "content")
    once(monkeypatch, Resealing, "_take", lambda: erase, before=True)

    assert (await rotate(redis)).resealed == 0
    assert not await redis.hexists(keys.job("job-1"), "content")


def once(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, meanwhile: Callable[[], Awaitable[object]], **when: bool
) -> None:
    """Let something happen around the first call of a method."""
    inner = getattr(owner, name)
    pending = [meanwhile]

    async def method(*args: object) -> object:
        if when and pending:
            await pending.pop()()
        found = await inner(*args)
        if pending:
            await pending.pop()()
        return found

    monkeypatch.setattr(owner, name, method)


async def test_a_rotation_is_audited_for_each_tenant_it_changed(redis: TextRedis) -> None:
    await save(redis, config(sealed(flow.twilio())))
    await failed_job(redis)
    await rotate(redis)
    await rotate(redis)

    entries = await AuditLog(redis).newest(Wanted(action=AuditAction.SECRETS_ROTATED), 10)
    found = [(one.event.actor, one.event.tenant, change.field) for one in entries for change in one.event.changes]
    assert found == [("ops", "acme", "jobs"), ("ops", "acme", "secrets")]


async def test_thousands_of_jobs_are_brought_over_in_batches(redis: TextRedis) -> None:
    ids = [f"job-{index}" for index in range(1000)]
    pipeline = redis.pipeline()
    pipeline.zadd(keys.jobs("acme"), dict.fromkeys(ids, 1)).sadd(keys.JOB_TENANTS, "acme")
    for job_id in ids:
        pipeline.hset(keys.job(job_id), "content", OLD.seal_content(job_id, Private("{}")))
    await pipeline.execute()

    assert (await rotate(redis)).resealed == 1000
    assert (await rotate(redis, NEW)).unreadable == 0
