"""Whether the demo did what it must: pure comparisons of the jobs, the providers' ledger and the logs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from providers.simulators.ledger import Entry
from trunkline_client import Status
from trunkline_client.words import JobState
from worker.demo.scenario import Scenario, leg


@dataclass(frozen=True, slots=True)
class Result:
    """One case and what became of its job; `status` is None if no record of the job exists."""

    scenario: Scenario
    status: Status | None

    @property
    def route(self) -> tuple[str, ...]:
        """Every attempt in order."""
        return tuple(leg(attempt) for attempt in self.status["attempts"]) if self.status else ()

    @property
    def number(self) -> str | None:
        """What the accepted message left from; None for a job that is not sent."""
        if self.status is None or self.status["state"] != JobState.SENT or not self.status["attempts"]:
            return None
        return self.status["attempts"][-1]["number"]

    @property
    def message(self) -> tuple[str, str] | None:
        """The account and the provider's id of the message that the journal says was sent."""
        if self.status is None or not self.status["account"] or not self.status["provider_id"]:
            return None
        return self.status["account"], self.status["provider_id"]

    @property
    def is_finished(self) -> bool:
        """Whether no worker will change the job any more."""
        return self.status is not None and JobState(self.status["state"]).is_finished


@dataclass(frozen=True, slots=True)
class Verdict:
    """What differs; nothing in it is private.

    Attributes:
        by_job: the differences of each job, by its id; jobs without any are left out.
        overall: differences that belong to no single job.
        counts: what was compared, by name.
        found_by_lookup: the ids of the sent jobs whose provider's answer was lost.
    """

    by_job: Mapping[str, tuple[str, ...]]
    overall: tuple[str, ...]
    counts: Mapping[str, int]
    found_by_lookup: frozenset[str]

    @property
    def agreed(self) -> bool:
        """Whether nothing differs."""
        return not self.by_job and not self.overall


def judge(
    results: Sequence[Result],
    ledger: Sequence[Entry],
    accounts: Mapping[str, str],
    *,
    left_in_redis: int,
    leaks: Iterable[str] = (),
) -> Verdict:
    """Return every difference between what the cases expect, what the journal says and what the providers hold.

    Args:
        results: every case with its job.
        ledger: every message and call the providers accepted.
        accounts: the account behind each sender key.
        left_in_redis: how many jobs and messages still wait or are in hand.
        leaks: log files that show something private, as sentences.
    """
    by_job = {}
    for result in results:
        found = (*_against_expectation(result, accounts), *_against_ledger(result, ledger))
        if found:
            by_job[result.scenario.job_id] = found
    overall = [*_unclaimed(results, ledger), *leaks]
    if left_in_redis:
        overall.append(f"{left_in_redis} jobs or messages are left in Redis")
    lost = {(entry.account, entry.provider_id) for entry in ledger if entry.fault is not None}
    found_by_lookup = frozenset(one.scenario.job_id for one in results if one.message in lost)
    counts = {**_counts(results, ledger), "found_by_lookup": len(found_by_lookup)}
    return Verdict(by_job, tuple(overall), counts, found_by_lookup)


def _against_expectation(result: Result, accounts: Mapping[str, str]) -> tuple[str, ...]:
    expected, status = result.scenario.expected, result.status
    if status is None:
        return ("there is no record of it",)
    pairs: list[tuple[str, object, object]] = [
        ("state", expected.state.value, status["state"]),
        ("rule", expected.rule, status["rule"]),
        ("fault", expected.fault, status["fault"]),
        ("route", " -> ".join(expected.route), " -> ".join(result.route)),
        ("number", expected.number, result.number),
        ("maybe_twice", False, status["maybe_twice"]),
        ("maybe_sent", False, status["maybe_sent"]),
    ]
    if expected.state is JobState.SENT:
        sender = expected.route[-1]
        pairs += [("sender", sender, status["sender"]), ("account", accounts[sender], status["account"])]
    return tuple(
        f"{name} is {found or 'none'}, expected {wanted or 'none'}" for name, wanted, found in pairs if wanted != found
    )


def _against_ledger(result: Result, ledger: Sequence[Entry]) -> tuple[str, ...]:
    """Return what the ledger contradicts: a sent job is there once, as the journal tells it; any other is not there."""
    status, scenario = result.status, result.scenario
    found = [entry for entry in ledger if _is_for(scenario, entry)]
    is_sent = status is not None and status["state"] == JobState.SENT
    if len(found) != is_sent:
        return (f"the providers accepted it {len(found)} times, expected {int(is_sent)}",)
    return _against_entry(result, found[0]) if found else ()


def _against_entry(result: Result, entry: Entry) -> tuple[str, ...]:
    if result.message != (entry.account, entry.provider_id):
        return (f"ledger entry {entry.sequence} is another message or account than the journal names",)
    # A messaging service chooses the number itself, so its entries name none.
    differences = []
    if entry.sender is not None and entry.sender != result.number:
        differences.append(f"ledger entry {entry.sequence} left from {entry.sender}, the journal says {result.number}")
    if result.scenario.expected.answer_lost != (entry.fault is not None):
        differences.append(
            "the answer was lost" if entry.fault else "the answer was not lost, so nothing was looked up"
        )
    return tuple(differences)


def _is_for(scenario: Scenario, entry: Entry) -> bool:
    return entry.to == scenario.recipient and entry.channel == scenario.job["channel"]


def _unclaimed(results: Sequence[Result], ledger: Sequence[Entry]) -> list[str]:
    """Return the messages that no job says it sent; each job claims one at most."""
    claimed = {one.message for one in results}
    return [
        f"ledger entry {entry.sequence} ({entry.provider}, {entry.account}) is claimed by no job"
        for entry in ledger
        if (entry.account, entry.provider_id) not in claimed
    ]


def _counts(results: Sequence[Result], ledger: Sequence[Entry]) -> dict[str, int]:
    states = Counter(result.status["state"] if result.status else "unknown" for result in results)
    providers = Counter(f"accepted_by_{entry.provider}" for entry in ledger)
    return {
        "jobs": len(results),
        **dict(sorted(states.items())),
        "in_the_ledger": len(ledger),
        **dict(sorted(providers.items())),
    }
