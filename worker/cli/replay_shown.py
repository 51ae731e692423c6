"""How replays are told of: the refused ones, the ends of runs and their list, for people and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import click
from redis.asyncio import Redis

from tasks.replay import Refused, Result
from tasks.replay_follow import Outcomes
from tasks.replay_runs import Run, Runs
from tasks.wanted import moment
from worker.cli.moments import utc_text
from worker.cli.support import print_json
from worker.cli.tables import print_table

#: of more reasons, which differ in what they name, the rest is one line.
_MOST_REASONS: Final = 20
_MOST_RUNS: Final = 50


class RefusedJson:
    """Prints one JSON object: the refused jobs as they come, so that nothing is kept in memory, then the rest."""

    def __init__(self) -> None:
        self._before = '{"refused": ['

    def add(self, one: Refused) -> None:
        """Print a refused job."""
        told = json.dumps({"id": one.id, "reason": one.reason}, ensure_ascii=False)
        click.echo(f"{self._before}\n  {told}", nl=False)
        self._before = ","

    def end(self, rest: Mapping[str, Any]) -> None:
        """Print the other fields, and the end of the object."""
        before = "\n]" if self._before == "," else f"{self._before}]"
        fields = ", ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in rest.items())
        click.echo(f"{before}, {fields}}}")


def refusals(counts: Mapping[str, int]) -> Iterator[str]:
    """Yield a line for each reason of refusals, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda one: -one[1])
    for reason, jobs in ordered[:_MOST_REASONS]:
        yield f"{jobs} refused: {reason}"
    left = sum(jobs for _, jobs in ordered[_MOST_REASONS:])
    if left:
        yield f"{left} refused for other reasons"


def line_of(result: Result) -> str:
    """Return what became of one job."""
    return f"{result.id} refused: {result.reason}" if isinstance(result, Refused) else f"{result.id} {result.state}"


def end_of(run: Run) -> str:
    """Return what a run has done, in one line."""
    refused = run.counts.selected - run.counts.requeued
    return f"replay {run.id}: {run.counts.selected} selected, {run.counts.requeued} requeued, {refused} refused"


def outcomes_line(outcomes: Outcomes) -> str:
    """Return what became of requeued jobs, in one line."""
    told = ", ".join(f"{jobs} {state}" for state, jobs in sorted(outcomes.by_state.items()))
    return f"{outcomes.known} of {outcomes.jobs} have an outcome" + (f": {told}" if told else "")


async def show_run(redis: Redis, run_id: str, *, as_json: bool) -> None:
    """Show how far a run has come."""
    run = await Runs(redis, token="").find(run_id)
    if as_json:
        print_json(_as_json(run))
        return
    click.echo(f"{end_of(run)} so far" if not run.is_over else end_of(run))
    click.echo(f"began {_time(run.began_ms)} by {run.actor}: {_said(run)}")
    done = "It has come to its end." if run.is_over else "Nothing was done: this only shows. --yes goes on with it."
    click.echo(done)


async def show_runs(redis: Redis, *, as_json: bool) -> None:
    """List the runs of the last days, that of the last progress first."""
    runs = await Runs(redis, token="").newest(_MOST_RUNS)
    if as_json:
        print_json([_as_json(run) for run in runs])
    elif not runs:
        click.echo("no replays in the last days", err=True)
    else:
        columns = ("run", "began", "by", "is", "requeued", "refused", "asked for")
        print_table(columns, [_row(run) for run in runs])


def _row(run: Run) -> tuple[str, ...]:
    refused = str(run.counts.selected - run.counts.requeued)
    state = "over" if run.is_over else "open"
    return run.id, f"{_time(run.began_ms)[:16]}Z", run.actor, state, str(run.counts.requeued), refused, _said(run)


def _as_json(run: Run) -> dict[str, Any]:
    return {
        "run": run.id,
        "actor": run.actor,
        "began": _time(run.began_ms),
        "noted": _time(run.noted_ms),
        "over": run.is_over,
        "selected": run.counts.selected,
        "requeued": run.counts.requeued,
        "refused": {why.value: jobs for why, jobs in run.counts.refused.items()},
        "asked": run.said(),
    }


def _said(run: Run) -> str:
    return ", ".join(f"{name} {value}" for name, value in run.said().items())


def _time(ms: int) -> str:
    return utc_text(moment(ms))
