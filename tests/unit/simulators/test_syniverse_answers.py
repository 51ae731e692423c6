from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from providers.simulators.app import simulator_app
from providers.simulators.changes import Action, changed
from providers.simulators.default_world import SYNIVERSE_NAME, SYNIVERSE_TOKEN, default_world
from providers.simulators.simulation import Simulation
from providers.simulators.world import AnonymousBody

REQUESTS = "/messaging/message_requests"
SEND = {"from": "channel:1KJPMkuHQkair", "to": ["+12015550123"], "body": "Hello", "external_id": "attempt-1"}


@pytest.fixture
def simulation() -> Simulation:
    return Simulation(default_world())


@pytest.fixture
async def syniverse(simulation: Simulation) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(simulator_app(simulation)),
        base_url="http://simulator/scg-external-api/api/v1",
        headers={"Authorization": f"Bearer {SYNIVERSE_TOKEN}"},
    ) as client:
        yield client


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error_code"]


def change(simulation: Simulation, action: Action, value: str | None = None) -> None:
    simulation.use(changed(simulation.world, SYNIVERSE_NAME, action, value))


async def test_an_accepted_request_is_found_by_its_external_id(syniverse: httpx.AsyncClient) -> None:
    accepted = await syniverse.post(REQUESTS, json=SEND)
    found = (await syniverse.get(REQUESTS, params={"external_id": "attempt-1"})).json()
    assert accepted.status_code == 200
    assert [request["id"] for request in found["list"]] == [accepted.json()["id"]]
    assert (found["total"], found["limit"], found["offset"]) == (1, 20, 0)


async def test_an_unknown_external_id_finds_nothing(syniverse: httpx.AsyncClient) -> None:
    await syniverse.post(REQUESTS, json=SEND)
    assert (await syniverse.get(REQUESTS, params={"external_id": "attempt-2"})).json()["list"] == []


async def test_an_identifier_has_the_length_of_the_real_ones(syniverse: httpx.AsyncClient) -> None:
    assert len((await syniverse.post(REQUESTS, json=SEND)).json()["id"]) == 22


async def test_the_messages_of_a_request_name_each_recipient(syniverse: httpx.AsyncClient) -> None:
    send = SEND | {"to": ["+12015550123", "voice:+447400123457"]}
    identifier = (await syniverse.post(REQUESTS, json=send)).json()["id"]
    messages = (await syniverse.get(f"{REQUESTS}/{identifier}/messages")).json()["list"]
    assert [(message["to_address"], message["type"]) for message in messages] == [
        ("+12015550123", "SMS"),
        ("+447400123457", "VOICE"),
    ]


async def test_the_ledger_tells_voice_from_sms(syniverse: httpx.AsyncClient, simulation: Simulation) -> None:
    await syniverse.post(REQUESTS, json=SEND | {"to": ["+12015550123", "voice:+447400123457"]})
    entries = simulation.ledger.entries()
    assert [(entry.channel, entry.to, entry.external_id) for entry in entries] == [
        ("sms", "+12015550123", "attempt-1"),
        ("voice", "+447400123457", "attempt-1"),
    ]


async def test_originators_are_listed(syniverse: httpx.AsyncClient) -> None:
    channels = (await syniverse.get("/messaging/channels")).json()["list"]
    sender_ids = (await syniverse.get("/messaging/sender_ids", params={"country": "CA"})).json()["list"]
    assert [channel["id"] for channel in channels] == ["1KJPMkuHQkair", "2LKQNlviRlbjs"]
    assert [sender_id["id"] for sender_id in sender_ids] == ["caSender0001"]


async def test_lists_come_in_slices(syniverse: httpx.AsyncClient) -> None:
    slice_ = (await syniverse.get("/messaging/channels", params={"limit": 1, "offset": 1})).json()
    assert ([channel["id"] for channel in slice_["list"]], slice_["total"]) == (["2LKQNlviRlbjs"], 2)


@pytest.mark.parametrize("query", [{"limit": "many"}, {"offset": "-1"}])
async def test_a_slice_nobody_can_cut_is_refused(syniverse: httpx.AsyncClient, query: dict[str, str]) -> None:
    assert code(await syniverse.get("/messaging/channels", params=query)) == (400, "SCG_ERROR_4004")


async def test_a_wrong_token_is_unauthorized(syniverse: httpx.AsyncClient) -> None:
    answer = await syniverse.get("/messaging/channels", headers={"Authorization": "Bearer wrong"})
    assert code(answer) == (401, "SCG_ERROR_4010")


async def test_a_revoked_token_is_unauthorized(syniverse: httpx.AsyncClient, simulation: Simulation) -> None:
    change(simulation, Action.REVOKE_TOKEN)
    assert code(await syniverse.post(REQUESTS, json=SEND)) == (401, "SCG_ERROR_4010")


async def test_an_expired_token_is_not_found(syniverse: httpx.AsyncClient, simulation: Simulation) -> None:
    change(simulation, Action.EXPIRE_TOKEN)
    assert code(await syniverse.post(REQUESTS, json=SEND)) == (404, "SCG_ERROR_4046")


@pytest.mark.parametrize("body", AnonymousBody)
async def test_a_request_without_a_token_gets_a_401_of_any_shape(
    syniverse: httpx.AsyncClient, simulation: Simulation, body: AnonymousBody
) -> None:
    simulation.use(replace(simulation.world, syniverse_anonymous_body=body))
    answer = await syniverse.get("/messaging/channels", headers={"Authorization": ""})
    assert answer.status_code == 401


@pytest.mark.parametrize("content", [b"{", b"[]", b'"text"'])
async def test_a_body_that_is_no_object_is_refused(syniverse: httpx.AsyncClient, content: bytes) -> None:
    assert code(await syniverse.post(REQUESTS, content=content)) == (400, "SCG_ERROR_4004")


@pytest.mark.parametrize("path", [f"{REQUESTS}/nobody", f"{REQUESTS}/nobody/messages", "/calling/calls"])
async def test_what_does_not_exist_is_not_found(syniverse: httpx.AsyncClient, path: str) -> None:
    assert code(await syniverse.get(path)) == (404, "SCG_ERROR_4040")


async def test_a_rejected_recipient_shows_only_in_the_state(
    syniverse: httpx.AsyncClient, simulation: Simulation
) -> None:
    change(simulation, Action.REJECT_RECIPIENT, "+12015550123")
    identifier = (await syniverse.post(REQUESTS, json=SEND)).json()["id"]
    assert (await syniverse.get(f"{REQUESTS}/{identifier}")).json()["state"] == "REJECTED"


@pytest.mark.parametrize(("unique", "status"), [(False, 200), (True, 409)])
async def test_a_repeated_external_id_is_refused_where_the_world_says_so(
    syniverse: httpx.AsyncClient, simulation: Simulation, unique: bool, status: int
) -> None:
    account = replace(simulation.world.syniverse[0], unique_external_ids=unique)
    simulation.use(replace(simulation.world, syniverse=(account,)))
    first: Any = await syniverse.post(REQUESTS, json=SEND)
    second: Any = await syniverse.post(REQUESTS, json=SEND)
    assert (first.status_code, second.status_code) == (200, status)
