"""One exchange as the simulators see it: the request read, the answer to write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

JSON_TYPE: Final = (b"content-type", b"application/json")


@dataclass(frozen=True, slots=True, kw_only=True)
class WireRequest:
    """One request to a simulated provider.

    Attributes:
        operation: what is asked for, for example `messages.create`.
        path_values: the variable parts of the path, by name.
        fields: the form or the JSON object of the body.
        well_formed: whether the body could be read.
        account: the account the credentials name, known or not; None without credentials.
        token: the token or password given; None without credentials.
        recipient: whom a new message or call is for.
        request_id: 32 hex digits that name this exchange.
        listed_after_s: how long lists hide what this request creates.
        origin: scheme and host, as the caller addressed the simulator.
    """

    provider: str
    operation: str
    method: str
    path: str
    origin: str = ""
    request_id: str = ""
    listed_after_s: float = 0.0
    path_values: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)
    well_formed: bool = True
    account: str | None = None
    token: str | None = field(default=None, repr=False)
    recipient: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answers; `accepted` are the ledger's numbers of what this answer accepts."""

    status: int
    body: bytes = field(repr=False)
    headers: tuple[tuple[bytes, bytes], ...] = (JSON_TYPE,)
    accepted: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a provider refuses a request, in its own words."""

    status: int
    code: int | str | None
    message: str
    detail: str | None = None


def as_json(value: object) -> bytes:
    """Return a value as compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()
