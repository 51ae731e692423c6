"""Two administrators edit one tenant at once: one wins, the other is told, and nothing is mixed."""

from __future__ import annotations

import asyncio
import copy
import random
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from functools import partial
from itertools import count, product
from typing import Any

import pytest
from cryptography.fernet import Fernet
from redis.asyncio import Redis

from senders import sender_edits
from senders.apply import plan, save, verify
from senders.config_file import parse_file, parse_tree
from senders.desired import DesiredTenant, desired_of
from senders.editing import Edit, Editor, Prepared
from senders.file_tree import Tree, tenant_tree
from senders.model import TenantConfig
from senders.refreshing import save_refreshed
from senders.secrets import KeyRing
from senders.store import ConfigConflict, ConfigStore, Replacement
from tests.support.config_samples import ACME, ENVIRONMENT, TWILIO_NUMBERS, FakeProviders
from tests.support.sender_samples import ACCOUNT_SID
from trunkline_client.connection import open_async
from trunkline_client.errors import TrunklineError

pytestmark = pytest.mark.integration

RING = KeyRing([Fernet.generate_key().decode()])
NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
FAKES = FakeProviders()
NEW = {
    "kind": "twilio",
    "name": "New",
    "account_sid": ACCOUNT_SID,
    "auth_token": "new-token",
    "channels": ["sms"],
    "consent": {"by": "ann"},
    "numbers": [{"number": "+14155550101"}],
}
TWILIO, SYNIVERSE, WHOLE = ("senders", "acme-twilio"), ("senders", "acme-syniverse"), ()
STEPS = (0, 1, 2, 5)


def renewed(old: Tree) -> Tree:
    return {**old, "auth_token": "renewed-token"}


def add_to_chain(key: str, tree: Tree) -> None:
    sender_edits.add(key, dict(NEW))(tree)
    tree["default_chain"].append(key)


#: what an administrator can do to the sender `acme-twilio`, with the part of the tenant it is about.
TO_THE_SENDER: Mapping[str, tuple[tuple[str, ...], sender_edits.Change]] = {
    "select": (TWILIO, sender_edits.select("acme-twilio", ["+14155550101"])),
    "unselect": (TWILIO, sender_edits.unselect("acme-twilio", ["88022"])),
    "countries": (TWILIO, sender_edits.set_countries("acme-twilio", "+18335550199", ["US"])),
    "disable": (TWILIO, sender_edits.set_field("acme-twilio", "enabled", False)),
    "remove": (WHOLE, sender_edits.remove("acme-twilio", repoint="acme-syniverse")),
    "replace": (WHOLE, sender_edits.replace("acme-twilio", "acme-2", renewed)),
}
ELSEWHERE: Mapping[str, tuple[tuple[str, ...], sender_edits.Change]] = {
    "rename another": (SYNIVERSE, sender_edits.set_field("acme-syniverse", "name", "Fallback")),
    "add": (("senders", "new"), partial(add_to_chain, "new")),
    "add second": (("senders", "second"), partial(add_to_chain, "second")),
}
ALL = {**TO_THE_SENDER, **ELSEWHERE}


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - it orders steps


class Office:
    """Administrators with a Redis connection each, and the state they all begin with."""

    def __init__(self, clients: list[Redis]) -> None:
        self.stores = [ConfigStore(client) for client in clients]
        tokens, self._begun = count(), count()
        self.editors = [
            Editor(
                store,
                RING,
                FAKES.for_kind,
                actor=f"admin-{index}",
                now=lambda: NOW,
                new_token=lambda: f"token-{next(tokens)}",
            )
            for index, store in enumerate(self.stores)
        ]

    async def begin(self) -> Tree:
        """Store the first configuration anew and return it as a file has it."""
        desired = parse_file(ACME, ENVIRONMENT)
        current = {"acme": await self.stores[0].load("acme")}
        planned = plan(desired, current, RING)
        numbers = await verify(planned, FAKES.for_kind)
        token = f"begin-{next(self._begun)}"
        await save(planned, numbers, self.stores[0], RING, actor="ops", now=NOW, token=token)
        return tenant_tree(await self.config())

    async def config(self) -> TenantConfig:
        config = await self.stores[0].load("acme")
        assert config is not None
        return config

    async def prepare(self, *names: str) -> list[Prepared]:
        """Let an administrator prepare each edit, all on the same state."""
        edits = [Edit(tenant="acme", part=ALL[name][0], change=ALL[name][1]) for name in names]
        return [await editor.prepare(edit) for editor, edit in zip(self.editors, edits, strict=False)]

    async def save(self, prepared: list[Prepared], chance: random.Random) -> list[int | TrunklineError]:
        """Let all save at once; return the version each made, or what it was told."""
        editors = self.editors[: len(prepared)]
        return await asyncio.gather(*map(partial(one_save, chance), editors, prepared))


async def one_save(chance: random.Random, editor: Editor, prepared: Prepared) -> int | TrunklineError:
    for _ in range(chance.choice(STEPS)):
        await asyncio.sleep(0)
    try:
        return (await editor.save(prepared))["acme"]
    except TrunklineError as told:
        return told


@pytest.fixture
async def office(redis_url: str) -> AsyncIterator[Office]:
    clients = [open_async(redis_url) for _ in range(8)]
    yield Office(clients)
    for client in clients:
        await client.aclose()


def after(tree: Tree, *changes: sender_edits.Change) -> DesiredTenant:
    """Return what a tenant is after these changes, one after the other, with nobody else about."""
    changed = copy.deepcopy(tree)
    for change in changes:
        change(changed)
    return parse_tree({"tenants": {"acme": changed}})["acme"]


async def check_pair(office: Office, first: str, second: str, chance: random.Random) -> list[int | TrunklineError]:
    begun = await office.begin()
    ended = await office.save(await office.prepare(first, second), chance)
    done = sorted(
        (version, name) for version, name in zip(ended, (first, second), strict=True) if isinstance(version, int)
    )

    assert done, ended
    assert desired_of(await office.config()) == after(begun, *(ALL[name][1] for _, name in done))
    return ended


@pytest.mark.parametrize(("first", "second"), list(product(TO_THE_SENDER, repeat=2)), ids=" vs ".join)
async def test_of_two_edits_of_one_sender_one_wins_and_the_other_is_told(
    office: Office, first: str, second: str
) -> None:
    for seed in range(5):
        ended = await check_pair(office, first, second, seeded(seed))

        assert sum(isinstance(one, int) for one in ended) == 1
        assert sum(isinstance(one, ConfigConflict) for one in ended) == 1


@pytest.mark.parametrize("other", ELSEWHERE)
@pytest.mark.parametrize("own", ["select", "unselect", "countries", "disable"])
async def test_edits_of_different_parts_both_succeed(office: Office, own: str, other: str) -> None:
    for seed in range(5):
        ended = await check_pair(office, own, other, seeded(seed))

        assert all(isinstance(one, int) for one in ended)


@pytest.mark.parametrize("other", ELSEWHERE)
@pytest.mark.parametrize("whole", ["remove", "replace"])
async def test_what_touches_every_chain_is_saved_as_it_was_shown_or_not_at_all(
    office: Office, whole: str, other: str
) -> None:
    for seed in range(5):
        await check_pair(office, whole, other, seeded(seed))


async def test_two_new_senders_both_get_their_place_in_the_chain(office: Office) -> None:
    ended = await check_pair(office, "add", "add second", seeded(1))

    assert all(isinstance(one, int) for one in ended)
    assert set((await office.config()).default_chain) == {"acme-twilio", "acme-syniverse", "new", "second"}


async def test_of_eight_administrators_at_one_sender_exactly_one_wins(office: Office) -> None:
    await office.begin()

    ended = await office.save(await office.prepare(*["select", "unselect", "countries", "disable"] * 2), seeded(2))

    assert sum(isinstance(one, int) for one in ended) == 1
    assert sum(isinstance(one, ConfigConflict) for one in ended) == 7


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_is_done_at_once_looks_as_if_done_one_after_the_other(office: Office, seed: int) -> None:
    chance = seeded(seed)
    for _ in range(5):
        await check_pair(office, chance.choice(list(ALL)), chance.choice(list(ALL)), chance)


@pytest.mark.parametrize("edit", TO_THE_SENDER)
async def test_a_file_that_was_planned_before_an_edit_is_not_saved_over_it(office: Office, edit: str) -> None:
    begun = await office.begin()
    (prepared,) = await office.prepare(edit)
    desired = parse_file(ACME.replace("Acme Twilio", "From the file"), ENVIRONMENT)
    planned = plan(desired, {"acme": await office.config()}, RING)
    numbers = await verify(planned, FAKES.for_kind)

    await office.editors[0].save(prepared)

    with pytest.raises(ConfigConflict):
        await save(planned, numbers, office.stores[1], RING, actor="ops", now=NOW, token="file")
    assert desired_of(await office.config()) == after(begun, ALL[edit][1])


@pytest.mark.parametrize("edit", [name for name in ALL if name not in {"remove", "replace"}])
async def test_a_refresh_between_showing_and_saving_is_kept_with_the_edit(office: Office, edit: str) -> None:
    begun = await office.begin()
    (prepared,) = await office.prepare(edit)
    gone = [one for one in TWILIO_NUMBERS if one.number != "+14155550100"]

    await save_refreshed(office.stores[1], "acme", "acme-twilio", gone, actor="bob", token="refresh")
    await office.editors[0].save(prepared)

    config = await office.config()
    assert desired_of(config) == after(begun, ALL[edit][1])
    available = {one.number: one.available for one in config.senders["acme-twilio"].numbers}
    assert available == {one.number: one.number != "+14155550100" for one in TWILIO_NUMBERS}


async def test_a_save_whose_answer_was_lost_is_answered_again_and_changes_nothing(office: Office) -> None:
    await office.begin()
    before = await office.config()
    wanted: dict[str, Any] = {"acme": Replacement.of(before, before)}

    first = await office.stores[0].replace(wanted, token="lost")
    (prepared,) = await office.prepare("disable")
    await office.editors[0].save(prepared)
    again = await office.stores[0].replace(wanted, token="lost")

    assert again == first
    assert not (await office.config()).senders["acme-twilio"].enabled
