"""What a replay would do: some jobs one by one, many by kind; memory does not grow with their number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import click
from redis.asyncio import Redis

from tasks.replay import Refused, Replays, Requeued, Result
from tasks.replay_plan import Facts, Plans, Prospect, read_facts
from tasks.replay_runs import Run
from tasks.replaying import BATCH, Selection, known, refused_by_sender
from trunkline_client.words import JobState
from worker.cli.interrupts import ended_by_ctrl_c
from worker.cli.replay_shown import RefusedJson, refusals
from worker.cli.tables import print_table

#: so many jobs, or kinds of them, are shown one by one.
_MOST_ROWS: Final = 20
#: kinds of jobs that are told apart; the rest counts as one.
_MOST_KINDS: Final = 1000
_NOTHING_DONE: Final = "Nothing was done: this only shows. --yes does it."


@dataclass(frozen=True, slots=True)
class Kind:
    """What jobs have in common that are shown as one line."""

    tenant: str
    channel: str
    country: str
    was: str
    then: str

    @classmethod
    def of(cls, facts: Facts, result: Requeued, prospect: Prospect) -> Kind:
        """Return the kind of a job that would be requeued."""
        then = prospect.end or ", then ".join(prospect.senders)
        if result.state is JobState.RECONCILING:
            then = f"is asked about, then {then}"
        return cls(facts.tenant, str(facts.channel or ""), facts.country or "", facts.why, then)


@dataclass(slots=True)
class Preview:
    """What was seen so far."""

    refused_json: RefusedJson | None
    selected: int = 0
    first: list[tuple[str, Kind | Refused]] = field(default_factory=list)
    kinds: Counter[Kind | None] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    senders: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    async def add(self, facts: Sequence[Facts], results: Sequence[Result], plans: Plans) -> None:
        """Take some jobs more."""
        for one, result in zip(facts, results, strict=True):
            self.selected += 1
            if isinstance(result, Refused):
                self._keep(result.id, result)
                self.refused[result.reason] += 1
                if self.refused_json:
                    self.refused_json.add(result)
                continue
            prospect = await plans.of(one)
            kind = Kind.of(one, result, prospect)
            self._keep(one.id, kind)
            self.kinds[kind if kind in self.kinds or len(self.kinds) < _MOST_KINDS else None] += 1
            self.faults[one.why] += 1
            self.senders[prospect.senders[0] if prospect.senders else prospect.end or ""] += 1

    def _keep(self, job_id: str, one: Kind | Refused) -> None:
        if len(self.first) < _MOST_ROWS:
            self.first.append((job_id, one))


async def preview(redis: Redis, selection: Selection, run: Run, *, as_json: bool) -> None:
    """Show what a run would do, and change nothing."""
    seen = Preview(RefusedJson() if as_json else None)
    plans, replays = Plans(redis, run.terms.via), Replays(redis, actor=run.actor, run="")
    cursor: str | None = ""
    with ended_by_ctrl_c():
        while cursor is not None and (run.limit is None or seen.selected < run.limit):
            most = BATCH if run.limit is None else min(BATCH, run.limit - seen.selected)
            selected = await selection.after(cursor, most)
            cursor = selected.cursor
            facts = await read_facts(redis, selected.ids)
            by_sender = await refused_by_sender(plans, facts, run.terms.via)
            looked = await replays.look(selected.ids, run.terms)
            results = [
                by_sender.get(job_id) or known(job_id, one) for job_id, one in zip(selected.ids, looked, strict=True)
            ]
            await seen.add(facts, results, plans)
    if seen.refused_json:
        seen.refused_json.end({"selected": seen.selected, "requeued": 0, "groups": list(map(_as_json, _kinds(seen)))})
    else:
        _print(seen)


def _kinds(seen: Preview) -> list[tuple[Kind, int]]:
    return [(kind, jobs) for kind, jobs in seen.kinds.most_common() if kind is not None]


def _as_json(group: tuple[Kind, int]) -> dict[str, Any]:
    kind, jobs = group
    told = {"tenant": kind.tenant, "channel": kind.channel, "country": kind.country or None}
    return {"jobs": jobs, **told, "was": kind.was, "then": kind.then}


def _print(seen: Preview) -> None:
    if not seen.selected:
        click.echo("no such jobs: nothing to replay")
        return
    if seen.selected <= _MOST_ROWS:
        _print_jobs(seen)
    else:
        _print_kinds(seen)
    requeued = seen.kinds.total()
    click.echo(f"{seen.selected} selected: {requeued} would be requeued, {seen.selected - requeued} refused")
    click.echo(_NOTHING_DONE)


def _print_jobs(seen: Preview) -> None:
    rows = [(job_id, *_columns(one)) for job_id, one in seen.first if isinstance(one, Kind)]
    if rows:
        print_table(("id", "tenant", "channel", "country", "was", "goes to"), rows)
    for job_id, one in seen.first:
        if isinstance(one, Refused):
            click.echo(f"{job_id} refused: {one.reason}")


def _print_kinds(seen: Preview) -> None:
    kinds = _kinds(seen)
    shown = kinds[:_MOST_ROWS]
    if shown:
        rows = [(str(jobs), *_columns(kind)) for kind, jobs in shown]
        print_table(("jobs", "tenant", "channel", "country", "was", "goes to"), rows)
        left = seen.kinds.total() - sum(jobs for _, jobs in shown)
        if left:
            click.echo(f"and {left} jobs of other kinds")
        for what, counts in (("they were", seen.faults), ("they go first to", seen.senders)):
            told = ", ".join(f"{name} {jobs}" for name, jobs in counts.most_common(_MOST_ROWS))
            click.echo(f"{what}: {told}")
    for line in refusals(seen.refused):
        click.echo(line)


def _columns(kind: Kind) -> tuple[str, ...]:
    return kind.tenant, kind.channel, kind.country, kind.was, kind.then
