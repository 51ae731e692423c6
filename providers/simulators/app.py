"""The one ASGI app of the simulated providers and the control API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.applications import Starlette
from starlette.routing import Route

from providers.simulators.control_api import ControlApi, answer_error
from providers.simulators.endpoint import Dialect
from providers.simulators.exchange import Exchange
from providers.simulators.faults import FaultBox
from providers.simulators.gateway.dialect import GATEWAY
from providers.simulators.simulation import Simulation
from providers.simulators.syniverse.dialect import SYNIVERSE
from providers.simulators.twilio.dialect import TWILIO
from trunkline_client.errors import TrunklineError

#: The key under which the server's connections find the armed faults.
FAULTS: Final = "faults"


def simulator_app(simulation: Simulation) -> Starlette:
    """Return the app that serves `simulation`."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, FaultBox]]:
        yield {FAULTS: simulation.faults}

    return Starlette(
        # Syniverse answers every path that is nobody's, so it is the last of the providers
        routes=[
            *_routes(simulation, TWILIO),
            *_routes(simulation, GATEWAY),
            *_routes(simulation, SYNIVERSE),
            ControlApi(simulation).mount(),
        ],
        exception_handlers={TrunklineError: answer_error},
        lifespan=lifespan,
    )


def _routes(simulation: Simulation, dialect: Dialect) -> list[Route]:
    return [
        Route(
            endpoint.path,
            Exchange(simulation, dialect, endpoint),
            methods=None if endpoint.method is None else [endpoint.method],
            name=f"{dialect.provider}.{endpoint.operation}",
        )
        for endpoint in dialect.endpoints
    ]
