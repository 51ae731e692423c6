"""Which jobs a listing shows, where it goes on, and by which indexes it finds them. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from providers.faults import Fault
from trunkline_client import keys
from trunkline_client.errors import TrunklineError
from trunkline_client.words import Channel, JobState, Lane

_CURSOR: Final = re.compile(r"([0-9]{1,13})\.([A-Za-z0-9._:-]{1,64})", re.ASCII)
_LAST_MS: Final = 10**13 - 1

#: the ends that have an index of their own.
_LISTED_ENDS: Final = frozenset({JobState.FAILED, JobState.REJECTED, JobState.EXPIRED, JobState.CANCELLED})
_UNFINISHED: Final = frozenset(state for state in JobState if not state.is_finished)
#: where the jobs of a state are, by another order than their creation.
_PLACES: Final[Mapping[JobState, tuple[str, ...]]] = {
    JobState.HELD: (keys.HELD,),
    JobState.DISPATCHING: (keys.LEASES,),
    JobState.RECONCILING: (keys.LEASES, keys.DELAYED),
    JobState.SCHEDULED: (keys.DELAYED,),
}


class CursorInvalid(TrunklineError):
    """A text is no cursor of a listing."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a listing goes on: after the job of this creation and id, whether it is still there or not."""

    created_ms: int
    id: str

    def __str__(self) -> str:
        """Return the cursor as it is printed."""
        return f"{self.created_ms}.{self.id}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Return the cursor that was printed as `text`.

        Raises:
            CursorInvalid: none was.
        """
        read = _CURSOR.fullmatch(text)
        if read is None:
            raise CursorInvalid("the cursor must be one that an earlier listing printed, whole")
        return cls(int(read[1]), read[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which jobs to list; None leaves a condition out.

    Attributes:
        states: one of these; empty for any.
        rule: why it was rejected.
        sender: the sender that sent it; for a job that is not sent, one that was tried.
        provider: the same for the provider.
        country: the recipient's; known once a worker has had the job in hand.
        since: the earliest moment of its creation.
        until: the latest moment of its creation.
    """

    tenant: str | None = None
    states: frozenset[JobState] = frozenset()
    fault: Fault | None = None
    rule: str | None = None
    provider: str | None = None
    sender: str | None = None
    country: str | None = None
    channel: Channel | None = None
    lane: Lane | None = None
    reference: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def since_ms(self) -> int:
        """The earliest creation, in ms since 1970."""
        return 0 if self.since is None else max(0, -(-_microseconds(self.since) // 1000))

    @property
    def until_ms(self) -> int:
        """The latest creation, in ms since 1970."""
        return _LAST_MS if self.until is None else max(-1, min(_LAST_MS, _microseconds(self.until) // 1000))

    @property
    def texts(self) -> dict[str, str]:
        """The conditions on single fields, by name."""
        names = ("tenant", "fault", "rule", "provider", "sender", "country", "channel", "lane", "reference")
        return {name: str(value) for name in names if (value := getattr(self, name)) is not None}

    @property
    def possible_states(self) -> frozenset[JobState]:
        """The states a wanted job can be in: only a failed one has a fault, only a rejected one broke a rule."""
        states = self.states or frozenset(JobState)
        if self.fault is not None:
            states &= {JobState.FAILED}
        if self.rule is not None:
            states &= {JobState.REJECTED}
        return states


class Way(StrEnum):
    """How jobs are found: in indexes by creation, by their reference, or in small indexes of another order."""

    INDEXES = "indexes"
    REFERENCE = "reference"
    PLACES = "places"


@dataclass(frozen=True, slots=True)
class Path:
    """One way that leads to every wanted job: indexes, or the one reference."""

    way: Way
    names: tuple[str, ...]


#: a place with more jobs is not read as a whole.
MOST_IN_PLACES: Final = 1000


def paths(wanted: Wanted) -> list[Path]:
    """Return every path that leads to all wanted jobs; none if there can be no such job."""
    states = wanted.possible_states
    if not states:
        return []
    found = [Path(Way.INDEXES, (keys.JOBS,))]
    if wanted.tenant is not None:
        found.append(Path(Way.INDEXES, (keys.jobs(wanted.tenant),)))
    if states <= _LISTED_ENDS | _UNFINISHED:
        ends = [keys.ended(state) for state in sorted(states & _LISTED_ENDS)]
        found.append(Path(Way.INDEXES, (*ends, keys.UNFINISHED) if states & _UNFINISHED else tuple(ends)))
    if wanted.reference is not None:
        found.append(Path(Way.REFERENCE, (wanted.reference,)))
    if states <= _PLACES.keys():
        names = dict.fromkeys(name for state in sorted(states) for name in _PLACES[state])
        found.append(Path(Way.PLACES, tuple(names)))
    return found


def narrowest(counts: Mapping[Path, int]) -> Path:
    """Return the path with the fewest jobs on it, which are `counts`; places only if they are few."""
    return min(
        (path for path in counts if path.way is not Way.PLACES or counts[path] <= MOST_IN_PLACES),
        key=counts.__getitem__,
    )


def moment(milliseconds: int) -> datetime:
    """Return the moment that is so many milliseconds after the beginning of 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def _microseconds(at: datetime) -> int:
    """Return whole microseconds since 1970; a float has not enough digits for them."""
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
