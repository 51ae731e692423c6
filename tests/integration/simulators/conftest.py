"""Real simulators over real sockets: one server per module, as new for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.simulator import Simulator, simulator


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with simulator() as running:
        yield running


@pytest.fixture
def simulators(server: Simulator) -> Simulator:
    server.renew()
    return server
