from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from providers.simulators.app import simulator_app
from providers.simulators.default_world import FULL_SID, default_world
from providers.simulators.simulation import Simulation


@pytest.fixture
def simulation() -> Simulation:
    return Simulation(default_world())


def client(simulation: Simulation, peer: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(simulator_app(simulation), client=(peer, 4711))
    return httpx.AsyncClient(transport=transport, base_url="http://simulator/_simulator")


@pytest.fixture
async def control(simulation: Simulation) -> AsyncIterator[httpx.AsyncClient]:
    async with client(simulation, "127.0.0.1") as local:
        yield local


@pytest.mark.parametrize(("peer", "status"), [("127.0.0.1", 200), ("::1", 200), ("10.0.0.7", 403), ("testclient", 403)])
async def test_only_callers_on_loopback_may_look(simulation: Simulation, peer: str, status: int) -> None:
    async with client(simulation, peer) as caller:
        assert (await caller.get("/world")).status_code == status


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("POST", "/faults", b"{"),
        ("POST", "/faults", b"[]"),
        ("POST", "/faults", b'{"kind": "sulk"}'),
        ("PUT", "/world", b'{"planets": []}'),
        ("POST", f"/accounts/{FULL_SID}/dance", b""),
        ("POST", f"/accounts/{FULL_SID}/opt-out", b'{"value": 1}'),
        ("POST", "/accounts/nobody/close", b""),
        ("GET", "/ledger?after=x", b""),
    ],
)
async def test_what_makes_no_sense_is_refused_with_one_sentence(
    control: httpx.AsyncClient, simulation: Simulation, method: str, path: str, content: bytes
) -> None:
    answer = await control.request(method, path, content=content)
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert simulation.world == default_world()


async def test_an_unknown_fault_cannot_be_disarmed(control: httpx.AsyncClient) -> None:
    assert (await control.delete("/faults/7")).status_code == 404
