"""What the flow tells a tracer, in the flow's own words; who keeps the spans, and in which form, is not known here."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, Self

from senders.model import Sender
from tasks.journal import Claimed
from tasks.record import AttemptRecord

Fact = str | int | float | bool | None


class Span(Protocol):
    """A piece of work that is going on."""

    @property
    def trace_id(self) -> str | None:
        """The id of the trace it belongs to, 32 hex digits; None without a trace."""

    def ended(self, *, error: str | None = None, **facts: Fact) -> None:
        """Note how it ended.

        Args:
            error: a fault, code or state if it went wrong, None if it went well.
            facts: what else is known and not private; what is None is left out.
        """


class Tracer(Protocol):
    """Keeps spans; those that are open at the same time in one task lie within each other."""

    def dispatch(self, claimed: Claimed, hop: str) -> AbstractContextManager[Span]:
        """Span one pass over a claimed job, within the trace that the job carries."""

    def attempt(self, number: int, sender: Sender) -> AbstractContextManager[Span]:
        """Span the call of attempt `number`."""

    def lookup(self, attempt: AttemptRecord, number: int) -> AbstractContextManager[Span]:
        """Span the how-many-th question about an attempt of unknown outcome."""


@dataclass(frozen=True, slots=True)
class Untraced:
    """A span that nobody keeps; it knows the trace of the job, so that log lines can name it."""

    trace_id: str | None = None

    def ended(self, *, error: str | None = None, **facts: Fact) -> None:
        """Note nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class NoTracer:
    """Keeps no spans."""

    def dispatch(self, claimed: Claimed, hop: str) -> Untraced:  # noqa: ARG002 -- the protocol's
        """Return a span that knows the job's trace."""
        traceparent = claimed.record.traceparent
        return Untraced(traceparent.split("-")[1]) if traceparent else _NOTHING

    def attempt(self, number: int, sender: Sender) -> Untraced:  # noqa: ARG002 -- the protocol's
        """Return a span that knows nothing."""
        return _NOTHING

    def lookup(self, attempt: AttemptRecord, number: int) -> Untraced:  # noqa: ARG002 -- the protocol's
        """Return a span that knows nothing."""
        return _NOTHING


_NOTHING = Untraced()
NO_TRACER = NoTracer()
