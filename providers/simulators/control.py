"""A client of the control API, for tests, the demo and benchmarks; it needs neither starlette nor uvicorn."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Final, Self

import httpx

from providers.simulators.changes import Action
from providers.simulators.faults import FaultPlan, plan_as_json
from providers.simulators.ledger import LedgerReport, read_report
from providers.simulators.world import SuspendedAnswer, World, read_world
from trunkline_client.errors import TrunklineError

_TIMEOUT_S: Final = 30.0


class ControlFailed(TrunklineError):
    """The simulators refused a control request, or did not answer."""


class SimulatorControl:
    """Looks into running simulators and changes what they do."""

    def __init__(self, base_url: str) -> None:
        self._http = httpx.Client(base_url=f"{base_url.rstrip('/')}/_simulator", timeout=_TIMEOUT_S, trust_env=False)

    def ledger(self, after: int = 0) -> LedgerReport:
        """Return what was accepted, the entries numbered above `after` only."""
        return read_report(self._ask("GET", f"/ledger?after={after}"))

    def forget_messages(self) -> None:
        """Empty the ledger and the providers' lists of messages and calls."""
        self._ask("DELETE", "/ledger")

    def arm(self, plan: FaultPlan) -> int:
        """Arm a fault and return its id."""
        identifier: int = self._ask("POST", "/faults", plan_as_json(plan))["id"]
        return identifier

    def disarm(self, identifier: int) -> None:
        """Disarm one fault."""
        self._ask("DELETE", f"/faults/{identifier}")

    def clear_faults(self) -> None:
        """Disarm every fault."""
        self._ask("DELETE", "/faults")

    def struck(self) -> dict[int, int]:
        """Return how many requests each armed fault struck, by its id."""
        return {armed["id"]: armed["struck"] for armed in self._ask("GET", "/faults")["faults"]}

    def world(self) -> World:
        """Return the accounts there are."""
        return read_world(self._ask("GET", "/world"))

    def use(self, world: World) -> None:
        """Replace the accounts there are."""
        self._ask("PUT", "/world", world.as_json())

    def change(self, account: str, action: Action, value: str | None = None) -> None:
        """Let `action` happen to an account, named by its SID or, for Syniverse, by its name."""
        self._ask("POST", f"/accounts/{account}/{action}", {} if value is None else {"value": value})

    def revoke_token(self, account: str) -> None:
        """Make every token of the account wrong."""
        self.change(account, Action.REVOKE_TOKEN)

    def release_number(self, account: str, number: str) -> None:
        """Take a number, short code or Syniverse originator from the account."""
        self.change(account, Action.RELEASE_NUMBER, number)

    def suspend(self, account: str, answer: SuspendedAnswer | None = None) -> None:
        """Suspend a Twilio account; `answer` chooses what it answers from now on."""
        self.change(account, Action.SUSPEND, None if answer is None else answer.value)

    def opt_out(self, account: str, recipient: str) -> None:
        """Let a recipient say STOP to a Twilio account."""
        self.change(account, Action.OPT_OUT, recipient)

    def close(self) -> None:
        """Close the client; the simulators go on."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            answer = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise ControlFailed(f"the simulators did not answer {method} {path}: {type(error).__name__}") from error
        if answer.is_error:
            reason = answer.json().get("error", "") if answer.content.startswith(b"{") else ""
            raise ControlFailed(f"the simulators refused {method} {path} with {answer.status_code}: {reason}")
        content: dict[str, Any] = answer.json() if answer.content else {}
        return content
