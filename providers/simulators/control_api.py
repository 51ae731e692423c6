"""The control API: look at the ledger, arm faults, change the world. Only callers on loopback may use it."""

from __future__ import annotations

import ipaddress
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from providers.simulators.changes import Action, ChangeRefused, changed
from providers.simulators.faults import FaultPlanInvalid, read_plan
from providers.simulators.simulation import Simulation
from providers.simulators.world import WorldInvalid, read_world
from trunkline_client.errors import TrunklineError

PREFIX: Final = "/_simulator"
_BAD_REQUEST: Final = 400
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_CREATED: Final = 201
_NO_CONTENT: Final = 204


class LoopbackOnly:
    """Lets requests from this machine through and answers 403 to all others."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        host = (scope.get("client") or ("", 0))[0]
        try:
            local = ipaddress.ip_address(host).is_loopback
        except ValueError:
            local = False
        refusal = JSONResponse({"error": "the control API answers callers on loopback only"}, _FORBIDDEN)
        await (self._app if local else refusal)(scope, receive, send)


class ControlApi:
    """The endpoints, bound to one simulation."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def mount(self) -> Mount:
        """Return the routes under `/_simulator`, guarded."""
        routes = [
            Route("/ledger", self.read_ledger, methods=["GET"]),
            Route("/ledger", self.forget, methods=["DELETE"]),
            Route("/faults", self.list_faults, methods=["GET"]),
            Route("/faults", self.arm_fault, methods=["POST"]),
            Route("/faults", self.clear_faults, methods=["DELETE"]),
            Route("/faults/{id:int}", self.disarm_fault, methods=["DELETE"]),
            Route("/world", self.read_world, methods=["GET"]),
            Route("/world", self.replace_world, methods=["PUT"]),
            Route("/accounts/{account}/{action}", self.change_account, methods=["POST"]),
        ]
        inner = Mount("", routes=routes)
        return Mount(PREFIX, app=LoopbackOnly(inner))

    async def read_ledger(self, request: Request) -> Response:
        """Return the ledger, the entries above `?after=` only."""
        after = request.query_params.get("after", "0")
        if not after.isdecimal():
            return JSONResponse({"error": "after is a number of the ledger"}, _BAD_REQUEST)
        return JSONResponse(self._simulation.ledger.as_json(int(after)))

    async def forget(self, _: Request) -> Response:
        """Empty the ledger and the providers' lists of messages."""
        self._simulation.forget_messages()
        return Response(status_code=_NO_CONTENT)

    async def list_faults(self, _: Request) -> Response:
        """Return every armed plan with its id and how often it struck."""
        return JSONResponse({"faults": self._simulation.faults.report()})

    async def arm_fault(self, request: Request) -> Response:
        """Arm the plan in the body and return its id."""
        plan = read_plan(await _object(request, FaultPlanInvalid))
        return JSONResponse({"id": self._simulation.faults.arm(plan)}, _CREATED)

    async def clear_faults(self, _: Request) -> Response:
        """Disarm every plan."""
        self._simulation.faults.clear()
        return Response(status_code=_NO_CONTENT)

    async def disarm_fault(self, request: Request) -> Response:
        """Disarm one plan."""
        found = self._simulation.faults.disarm(request.path_params["id"])
        return Response(status_code=_NO_CONTENT if found else _NOT_FOUND)

    async def read_world(self, _: Request) -> Response:
        """Return the world, tokens included."""
        return JSONResponse(self._simulation.world.as_json())

    async def replace_world(self, request: Request) -> Response:
        """Take the world in the body."""
        self._simulation.use(read_world(await _object(request, WorldInvalid)))
        return Response(status_code=_NO_CONTENT)

    async def change_account(self, request: Request) -> Response:
        """Let something happen to one account; the body may hold a `value`."""
        try:
            action = Action(request.path_params["action"])
        except ValueError as error:
            raise ChangeRefused(f"the action is one of {', '.join(Action)}") from error
        value = (await _object(request, ChangeRefused)).get("value") if await request.body() else None
        if value is not None and not isinstance(value, str):
            raise ChangeRefused("the value is a string")
        self._simulation.use(changed(self._simulation.world, request.path_params["account"], action, value))
        return Response(status_code=_NO_CONTENT)


async def answer_error(_: Request, error: Exception) -> Response:
    """Return a refused change as 400 with one sentence."""
    return JSONResponse({"error": str(error)}, _BAD_REQUEST)


async def _object(request: Request, refusal: type[TrunklineError]) -> dict[str, Any]:
    try:
        value = await request.json()
    except ValueError as error:
        raise refusal("the body is no JSON") from error
    if not isinstance(value, dict):
        raise refusal("the body is no JSON object")
    return value
