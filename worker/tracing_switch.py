"""Switches tracing on or off; only here is OpenTelemetry, which is an extra, known to be installed or not."""

from __future__ import annotations

from typing import Final, Protocol

from providers.registry import Wrap
from tasks.tracing import NO_TRACER, Tracer
from trunkline_client.errors import TrunklineError
from worker.environment import variable
from worker.settings import Settings


class TracingUnusable(TrunklineError):
    """Tracing is on and cannot be started."""


class Tracing(Protocol):
    """The tracing of one process."""

    @property
    def tracer(self) -> Tracer:
        """What the flow reports to."""

    @property
    def wrap(self) -> Wrap | None:
        """What is put around the providers' transports to see their calls."""

    def flush(self, timeout_s: float) -> None:
        """Send what has ended, for at most so many seconds; from any thread."""

    def close(self, timeout_s: float) -> None:
        """Send the rest, for at most so many seconds, and take nothing more."""


class NoTracing:
    """Tracing that is off."""

    tracer: Tracer = NO_TRACER
    wrap: Wrap | None = None

    def flush(self, timeout_s: float) -> None:
        """Do nothing."""

    def close(self, timeout_s: float) -> None:
        """Do nothing."""


NO_TRACING: Final = NoTracing()


def open_tracing(settings: Settings, worker: str) -> Tracing:
    """Return the tracing that the settings ask for.

    Args:
        settings: the checked settings.
        worker: this process's name.

    Raises:
        TracingUnusable: it is on, and OpenTelemetry is not installed or cannot use its variables.
    """
    if not settings.tracing:
        return NO_TRACING
    try:
        from worker.tracing import OpenTelemetry  # noqa: PLC0415 -- an extra
    except ImportError as error:
        raise TracingUnusable(
            f"{variable('tracing')} is on, and OpenTelemetry is not installed; "
            f"in Trunkline's repository, pip install ./client '.[tracing]', or set {variable('tracing')}=0"
        ) from error
    try:
        return OpenTelemetry.from_environment(worker)
    except (ValueError, OSError) as error:
        # Not quoted: a variable may hold the collector's credentials.
        raise TracingUnusable(
            f"{variable('tracing')} is on, and OpenTelemetry cannot use one of its OTEL_* variables "
            f"({type(error).__name__}); docs/tracing.md names those that matter"
        ) from error
