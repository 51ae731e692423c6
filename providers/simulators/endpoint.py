"""What a simulated provider is made of: a way to read requests, a way to refuse them, and a table of operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from providers.simulators.simulation import Simulation
from providers.simulators.wire import Answer, Refusal, WireRequest


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request before its body is understood; header names are lower case."""

    operation: str
    method: str
    path: str
    query: str
    origin: str
    path_values: Mapping[str, str]
    headers: Sequence[tuple[bytes, bytes]]

    def header(self, name: bytes) -> bytes | None:
        """Return the first header of this lower-case name, or None."""
        return next((value for found, value in self.headers if found == name), None)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation: its method (None for any), its path with `{names}`, and what it does."""

    method: str | None
    path: str
    operation: str
    serve: Callable[[Simulation, WireRequest], Answer]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One provider's way to speak HTTP."""

    provider: str
    read: Callable[[Simulation, RequestHead, bytes], WireRequest]
    refuse: Callable[[Simulation, WireRequest, Refusal], Answer]
    endpoints: Sequence[Endpoint]
