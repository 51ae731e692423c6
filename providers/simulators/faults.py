"""Faults on demand: what goes wrong, for which requests, and for how large a share of them."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from random import Random
from typing import Any, Final

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from providers.simulators.wire import WireRequest
from trunkline_client.errors import FieldError, TrunklineError

_STRICT: Final = ConfigDict(extra="forbid")


class FaultPlanInvalid(TrunklineError):
    """A fault plan cannot be used; the text names every wrong field."""


class FaultKind(StrEnum):
    """What goes wrong.

    The kinds up to `slow_body` are given instead of the answer; `delay` and `late_listing` only colour it.
    """

    ANSWER = "answer"
    HANG = "hang"
    RESET = "reset"
    CLOSE = "close"
    JUNK = "junk"
    NOT_HTTP = "not_http"
    HUGE = "huge"
    CUT_OFF = "cut_off"
    CUT_OFF_BY_RESET = "cut_off_by_reset"
    SLOW_BODY = "slow_body"
    DELAY = "delay"
    LATE_LISTING = "late_listing"
    RESET_ON_CONNECT = "reset_on_connect"


#: These need no answer of their own and let the request be served.
COLOURING: Final = frozenset({FaultKind.DELAY, FaultKind.LATE_LISTING})


class Distribution(StrEnum):
    """How delays vary."""

    FIXED = "fixed"
    NORMAL = "normal"
    LOGNORMAL = "lognormal"


@dataclass(frozen=True, slots=True, config=_STRICT)
class Delay:
    """How long something takes.

    Attributes:
        typical_s: the delay (fixed), its mean (normal) or its median (lognormal), in seconds.
        spread: unused (fixed), the standard deviation in seconds (normal), or sigma of the logarithm (lognormal).
    """

    typical_s: float = Field(ge=0)
    distribution: Distribution = Distribution.FIXED
    spread: float = Field(default=0.0, ge=0)

    def drawn(self, random: Random) -> float:
        """Return one delay in seconds, never negative."""
        if self.distribution is Distribution.NORMAL:
            return max(0.0, random.gauss(self.typical_s, self.spread))
        if self.distribution is Distribution.LOGNORMAL:
            return self.typical_s * random.lognormvariate(0.0, self.spread)
        return self.typical_s


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class FaultPlan:
    """One fault, where it strikes and how often; a None narrows nothing.

    Attributes:
        accept_first: serve the request first, so that a message is accepted and in the ledger, then go wrong.
        provider: `twilio`, `syniverse` or `gateway`.
        account: an Account SID, or the name of a Syniverse account or a gateway.
        method: `GET` or `POST`.
        path: a pattern of the path with `*` and `?`, for example `*/Messages.json`.
        recipient: the number a new message or call goes to.
        share: the part of the matching requests it strikes, 0 to 1, drawn from `seed`.
        times: how many requests it strikes at most.
        status, code, message: the refusal of `answer`, worded as the provider words its errors.
        retry_after_s: adds a `Retry-After` header to an `answer`.
        delay: how long `delay` waits, how late `late_listing` lists, how long `slow_body` rests between its bytes.
        size_bytes: the size of a `huge` answer.
    """

    kind: FaultKind
    accept_first: bool = False
    provider: str | None = None
    account: str | None = None
    method: str | None = None
    path: str | None = None
    recipient: str | None = None
    share: float = Field(default=1.0, ge=0, le=1)
    seed: int = 0
    times: int | None = Field(default=None, ge=1)
    status: int = Field(default=500, ge=200, le=599)
    code: int | str | None = None
    message: str = "Simulated fault"
    retry_after_s: int | None = Field(default=None, ge=0)
    delay: Delay = dataclasses.field(default_factory=lambda: Delay(1.0))
    size_bytes: int = Field(default=50_000_000, ge=1)

    def matches(self, request: WireRequest) -> bool:
        """Return whether this plan is about such a request; the share and the count are not considered."""
        wanted = (
            (self.provider, request.provider),
            (self.account, request.account),
            (self.method, request.method),
            (self.recipient, request.recipient),
        )
        if any(want is not None and want != given for want, given in wanted):
            return False
        return self.path is None or fnmatchcase(request.path, self.path)


def read_plan(data: Mapping[str, Any]) -> FaultPlan:
    """Return the plan that `data` describes.

    Raises:
        FaultPlanInvalid: a field is unknown, missing or out of its range.
    """
    try:
        return _adapter().validate_python(data)
    except ValidationError as error:
        problems = [FieldError(".".join(map(str, found["loc"])), found["msg"]) for found in error.errors()]
        raise FaultPlanInvalid("; ".join(map(str, problems))) from error


def plan_as_json(plan: FaultPlan) -> dict[str, Any]:
    """Return a plan as plain JSON data."""
    data: dict[str, Any] = _adapter().dump_python(plan, mode="json")
    return data


@functools.cache
def _adapter() -> TypeAdapter[FaultPlan]:
    return TypeAdapter(FaultPlan)


class _Armed:
    """A plan with what it still may do."""

    __slots__ = ("left", "plan", "random", "struck")

    def __init__(self, plan: FaultPlan) -> None:
        self.plan = plan
        self.random = Random(plan.seed)  # noqa: S311 - a repeatable share, no secret
        self.left = plan.times
        self.struck = 0

    def strikes(self) -> bool:
        """Return whether it strikes the next matching request, and count it if so."""
        if self.left == 0 or self.random.random() >= self.plan.share:
            return False
        self.left = None if self.left is None else self.left - 1
        self.struck += 1
        return True


@dataclasses.dataclass(slots=True)
class Struck:
    """What goes wrong with one request.

    Attributes:
        delay_s: how long to wait before the request is served.
        late_delay_s: how long to wait after it was served, before the answer.
        listed_after_s: how long an accepted message stays out of the lists.
        plan: what is given instead of the answer.
        pause_s: the drawn delay of `plan`.
    """

    delay_s: float = 0.0
    late_delay_s: float = 0.0
    listed_after_s: float = 0.0
    plan: FaultPlan | None = None
    pause_s: float = 0.0


class FaultBox:
    """The armed plans; the oldest matching one that replaces the answer wins, and delays add up."""

    def __init__(self) -> None:
        self._armed: dict[int, _Armed] = {}
        self._ids = itertools.count(1)

    def arm(self, plan: FaultPlan) -> int:
        """Arm a plan and return its id."""
        identifier = next(self._ids)
        self._armed[identifier] = _Armed(plan)
        return identifier

    def disarm(self, identifier: int) -> bool:
        """Drop a plan and return whether there was one of this id."""
        return self._armed.pop(identifier, None) is not None

    def clear(self) -> None:
        """Drop every plan."""
        self._armed.clear()

    def report(self) -> list[dict[str, Any]]:
        """Return every plan as JSON data, with its id and how many requests it struck."""
        return [
            {"id": identifier, "struck": armed.struck, "plan": plan_as_json(armed.plan)}
            for identifier, armed in self._armed.items()
        ]

    def strike_connection(self) -> bool:
        """Return whether a new connection is to be reset before anything is read from it."""
        return any(armed.plan.kind is FaultKind.RESET_ON_CONNECT and armed.strikes() for armed in self._armed.values())

    def strike(self, request: WireRequest) -> Struck:
        """Return what goes wrong with `request`."""
        struck = Struck()
        if not self._armed:
            return struck
        for armed in self._armed.values():
            plan = armed.plan
            if plan.kind is FaultKind.RESET_ON_CONNECT or not plan.matches(request):
                continue
            if (plan.kind in COLOURING or struck.plan is None) and armed.strikes():
                _add(struck, plan, plan.delay.drawn(armed.random))
        return struck


def _add(struck: Struck, plan: FaultPlan, drawn_s: float) -> None:
    if plan.kind is FaultKind.LATE_LISTING:
        struck.listed_after_s += drawn_s
    elif plan.kind is not FaultKind.DELAY:
        struck.plan, struck.pause_s = plan, drawn_s
    elif plan.accept_first:
        struck.late_delay_s += drawn_s
    else:
        struck.delay_s += drawn_s
