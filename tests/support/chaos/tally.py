"""The end of a plan, counted: what was asked for, what the journal says, and what the providers really have."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Final

from providers.simulators.ledger import Entry
from trunkline_client import Status
from trunkline_client.words import JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How the jobs of one plan ended. What counts is the providers' ledger, not what the journal believes.

    Attributes:
        jobs: how many Redis had confirmed.
        once: how many are in the ledger once.
        twice: how many messages there are too many.
        lost: jobs without a record, without an end, or `sent` by the journal and in no ledger.
        held: jobs parked for an operator.
        unsent: jobs that ended otherwise and are in no ledger, as their records say.
        unmarked: jobs that were sent twice, or sent though they ended otherwise, without the mark that says so.
        recovery_s: from the end of the last trouble to the end of the last job.
        strikes: how often the plan struck.
    """

    jobs: int
    once: int
    twice: int
    lost: int
    held: int
    unsent: int
    unmarked: int
    recovery_s: float
    strikes: int

    @property
    def is_perfect(self) -> bool:
        """Whether every job was sent exactly once."""
        return self.once == self.jobs and not (self.twice or self.lost or self.held or self.unsent or self.unmarked)


COLUMNS: Final = tuple(field.name for field in fields(Tally))


def count(
    jobs: Mapping[str, str],
    statuses: Mapping[str, Status | None],
    entries: Iterable[Entry],
    *,
    recovery_s: float,
    strikes: int,
) -> Tally:
    """Return the tally of `jobs`, which maps their ids to their recipients.

    Twins share a recipient, and nobody can tell their messages apart: they are counted together.
    """
    sent = Counter(entry.to.removeprefix("voice:") for entry in entries)
    groups: defaultdict[str, list[Status | None]] = defaultdict(list)
    for job_id, recipient in jobs.items():
        groups[recipient].append(statuses[job_id])
    total: Counter[str] = Counter()
    for recipient, group in groups.items():
        total += _count_group(group, sent[recipient])
    return Tally(
        jobs=len(jobs),
        once=total["once"],
        twice=total["twice"],
        lost=total["lost"],
        held=total["held"],
        unsent=total["unsent"],
        unmarked=total["unmarked"],
        recovery_s=recovery_s,
        strikes=strikes,
    )


def _count_group(group: list[Status | None], times: int) -> Counter[str]:
    """Count the jobs for one recipient, who is in the ledger `times` times."""
    states = Counter(_state(status) for status in group)
    too_many = max(0, times - len(group))
    # Whoever is `sent` must be in the ledger; the others of the group may be, if their records admit it.
    missing = max(0, states["sent"] - times)
    elsewhere = max(0, times - states["sent"] - too_many)
    admit = sum(status is not None and _admits(status) for status in group)
    return Counter(
        once=max(0, min(times, len(group)) - too_many),
        twice=too_many,
        lost=states["lost"] + missing,
        held=states["held"],
        unsent=max(0, states["ended"] - elsewhere),
        unmarked=max(0, too_many + elsewhere - admit),
    )


def _state(status: Status | None) -> str:
    state = JobState(status["state"]) if status else None
    if state is None:
        return "lost"
    if state in {JobState.SENT, JobState.HELD}:
        return state.value
    return "ended" if state.is_finished else "lost"


def _admits(status: Status) -> bool:
    """Return whether a record says that its message may be out there, or a second time; a parked job says that too."""
    return status["maybe_twice"] or status["maybe_sent"] or status["state"] == JobState.HELD
