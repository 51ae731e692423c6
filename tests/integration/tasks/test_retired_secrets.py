"""The secret of a deleted sender stays as long as an attempt of it may have to be asked about, and no longer."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from providers.protocol import Account
from senders.audit import AuditAction
from senders.audit_log import AuditLog, Wanted
from senders.cache import ConfigCache
from senders.model import Sender, TenantConfig
from senders.store import ConfigStore, Replacement
from tasks.retired import RetiredSecrets
from tests.support import flow
from tests.support.flow import ABSENT, SILENT, UNKNOWN, Worker, config, worker
from tests.support.journal import TextRedis, enqueue
from trunkline_client import keys
from trunkline_client.private import Token
from trunkline_client.words import OnUnknown

pytestmark = pytest.mark.integration

AT_ONCE = timedelta(0)
OWN, OTHER = flow.twilio(), flow.syniverse()


class StoredConfigurations(ConfigCache):
    """Configurations from Redis whose credentials need no key."""

    def account(self, config: TenantConfig, sender: Sender) -> Account:
        return Account(sender.kind, Token("t"), sender.account_sid)


@dataclass(slots=True)
class Desk:
    """An administrator with a worker beside him."""

    redis: TextRedis
    store: ConfigStore
    worker: Worker
    tokens: itertools.count[int]

    async def save(self, wanted: TenantConfig) -> None:
        current = await self.store.load("acme")
        version = current.version if current else 0
        change = Replacement.of(current, replace(wanted, version=version))
        await self.store.replace({"acme": change}, token=f"t{next(self.tokens)}")

    async def delete(self, *deleted: Sender) -> None:
        """Delete senders as `apply` does: they are kept aside."""
        current = await self.store.load("acme")
        assert current is not None
        left = [one for one in current.senders.values() if one not in deleted]
        await self.save(replace(config(*left), retired=(*current.retired, *deleted)))

    async def destroy(self, grace: timedelta = AT_ONCE) -> int:
        journal = self.worker.services.journal
        retired = RetiredSecrets(
            self.redis, journal, self.store, new_token=lambda: f"t{next(self.tokens)}", grace=grace
        )
        return await retired.destroy_unneeded()

    async def kept(self) -> list[str]:
        current = await self.store.load("acme")
        assert current is not None
        return [one.key for one in current.retired]


@pytest.fixture
async def desk(redis: TextRedis) -> Desk:
    store = ConfigStore(redis)
    one = worker(redis, config(), twilio=[UNKNOWN])
    one.services = replace(one.services, configurations=StoredConfigurations(store.load, one.services.content))  # type: ignore[arg-type]
    desk = Desk(redis, store, one, itertools.count())
    await desk.save(config())
    return desk


async def test_a_deleted_sender_without_attempts_loses_its_secret_after_the_grace(desk: Desk) -> None:
    await desk.delete(OWN)

    assert (await desk.destroy(timedelta(minutes=10)), await desk.kept()) == (0, ["acme-twilio"])
    assert (await desk.destroy(), await desk.kept()) == (1, [])
    assert await desk.redis.exists(keys.RETIRED) == 0
    assert await desk.destroy() == 0


async def test_each_deleted_sender_has_a_grace_of_its_own(desk: Desk) -> None:
    await desk.delete(OWN)
    await desk.redis.zadd(keys.RETIRED, {keys.retired_sender("acme", OWN.key, OWN.account_name): 1})
    await desk.delete(OTHER)

    assert (await desk.destroy(timedelta(minutes=10)), await desk.kept()) == (1, ["acme-syniverse"])


async def test_an_attempt_that_is_being_asked_about_keeps_the_secret_until_its_job_ends(desk: Desk) -> None:
    await enqueue(desk.redis)
    await desk.worker.serve(hurry=False)
    await desk.delete(OWN)

    assert (await desk.destroy(), await desk.kept()) == (0, ["acme-twilio"])

    await desk.worker.serve()
    assert desk.worker.twilio.asked
    assert await desk.destroy() == 1


async def test_a_sender_whose_attempt_was_given_up_is_not_kept_by_the_job_that_went_on(desk: Desk) -> None:
    seen: list[int] = []

    async def delete() -> None:
        await desk.delete(OWN)
        seen.append(await desk.destroy())

    desk.worker.syniverse.meanwhile = delete
    await enqueue(desk.redis, options={"on_unknown": OnUnknown.RESEND})
    await desk.worker.serve()

    assert seen == [1]


async def test_a_held_job_keeps_the_secret_for_its_operator(desk: Desk) -> None:
    desk.worker.twilio.lookups = [SILENT]
    await enqueue(desk.redis, options={"on_unknown": OnUnknown.HOLD})
    await desk.worker.serve()
    await desk.delete(OWN)

    assert (await desk.worker.status())["state"] == "held"
    assert (await desk.destroy(), await desk.kept()) == (0, ["acme-twilio"])


async def test_an_attempt_in_hand_keeps_the_secret_even_if_its_worker_has_died(desk: Desk) -> None:
    seen: list[tuple[int, list[str]]] = []

    async def delete_and_die() -> None:
        await desk.delete(OWN)
        await desk.redis.zadd(keys.LEASES, {"job-1": 1})
        seen.append((await desk.destroy(), await desk.kept()))
        await desk.worker.services.journal.sweep(10, 10_000)
        seen.append((await desk.destroy(), await desk.kept()))

    desk.worker.twilio.meanwhile = delete_and_die
    await enqueue(desk.redis)
    await desk.worker.serve(hurry=False)

    assert seen == [(0, ["acme-twilio"])] * 2


async def test_a_job_of_one_sender_keeps_no_secret_of_another(desk: Desk) -> None:
    desk.worker.twilio.lookups = [ABSENT]
    await enqueue(desk.redis)
    await desk.worker.serve(hurry=False)
    await desk.delete(OWN, OTHER)

    assert (await desk.destroy(), await desk.kept()) == (1, ["acme-twilio"])


async def test_one_that_is_needed_does_not_keep_the_next_batch_waiting(desk: Desk) -> None:
    await enqueue(desk.redis)
    await desk.worker.serve(hurry=False)
    await desk.delete(OWN)
    await desk.redis.zadd(keys.RETIRED, {keys.retired_sender("acme", OWN.key, OWN.account_name): 1})
    await desk.destroy()

    assert await desk.redis.zcount(keys.RETIRED, 0, 1) == 0


@pytest.mark.parametrize("document", ["{", None])
async def test_a_configuration_that_cannot_be_read_does_not_keep_the_next_batch_waiting(
    desk: Desk, document: str | None
) -> None:
    await desk.delete(OWN)
    key = keys.config("acme")
    await (desk.redis.hset(key, "document", document) if document else desk.redis.delete(key))
    await desk.redis.zadd(keys.RETIRED, {keys.retired_sender("acme", OWN.key, OWN.account_name): 1})

    assert await desk.destroy() == 0
    assert await desk.redis.zcount(keys.RETIRED, 0, 1) == 0


async def test_a_sender_that_came_back_has_nothing_to_destroy(desk: Desk) -> None:
    await desk.delete(OWN)
    await desk.save(config())

    assert await desk.redis.exists(keys.RETIRED) == 0
    assert await desk.destroy() == 0


async def test_the_administrator_who_changes_the_tenant_meanwhile_wins(desk: Desk) -> None:
    await desk.delete(OWN)
    load = desk.store.load

    async def load_and_be_late(tenant: str) -> TenantConfig | None:
        found = await load(tenant)
        assert found is not None
        change = Replacement.of(found, replace(found, default_chain=()))
        await ConfigStore(desk.redis).replace({tenant: change}, token="meanwhile")
        return found

    desk.store.load = load_and_be_late  # type: ignore[method-assign]
    assert await desk.destroy() == 0
    desk.store.load = load  # type: ignore[method-assign]

    current = await desk.store.load("acme")
    assert current is not None
    assert (current.default_chain, [one.key for one in current.retired]) == ((), ["acme-twilio"])
    assert await desk.destroy() == 1


async def test_the_destruction_is_audited(desk: Desk) -> None:
    await desk.delete(OWN)
    await desk.destroy()

    (entry,) = await AuditLog(desk.redis).newest(Wanted(action=AuditAction.SENDER_SECRET_DESTROYED), 10)
    assert (entry.event.actor, entry.event.tenant, entry.event.subject) == ("trunkline", "acme", "acme-twilio")
