"""The closed list of faults, the outcomes of an attempt, and what each fault allows next.

Pure data: no HTTP, no Redis. The providers' own code tables (`twilio_faults`, `syniverse_faults`) map wire codes to
a `Ruling`; what a fault means for the job's next step is decided in one place by `tasks.next_step`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How one attempt ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Fault(StrEnum):
    """Why an attempt was refused, or why none could be made."""

    AUTH = "auth"
    ACCOUNT = "account"
    NUMBER = "number"
    NO_NUMBER = "no_number"
    NO_CHAIN = "no_chain"
    RECIPIENT = "recipient"
    GEO = "geo"
    BODY = "body"
    PARAMETER = "parameter"
    UNSUBSCRIBED = "unsubscribed"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a provider's refusal means.

    Attributes:
        fault: the class of the refusal.
        retry: whether the same sender may be tried again for this job.
        another_number: whether another number of the same sender may be tried.
    """

    fault: Fault
    retry: bool = False
    another_number: bool = False


_RETRY = frozenset({Fault.THROTTLED, Fault.UNAVAILABLE})
_ANOTHER_NUMBER = frozenset({Fault.NUMBER})


def ruling(fault: Fault) -> Ruling:
    """Return what `fault` allows by default; a provider's table may differ for single codes."""
    return Ruling(fault, retry=fault in _RETRY, another_number=fault in _ANOTHER_NUMBER)
