"""Carries out a replay in front of somebody: tells how far it is, and how to go on after an interrupt."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import click
from redis.asyncio import Redis
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from tasks.listing import Listing
from tasks.replay import Refused, Result, reason_of_several
from tasks.replay_follow import Outcomes, follow
from tasks.replay_runs import Run, Runs, RunTaken
from tasks.replaying import Pace, Replaying, bounded
from trunkline_client.errors import TrunklineError
from worker.cli.interrupts import ended_by_ctrl_c
from worker.cli.replay_shown import RefusedJson, end_of, line_of, outcomes_line, refusals
from worker.cli.support import run_with_redis

_EXIT_REFUSED: Final = 1


@dataclass(slots=True)
class Told:
    """What somebody was told of a run so far.

    Attributes:
        run: as it is, None before it has begun.
    """

    refused_json: RefusedJson | None
    run: Run | None = None

    def take(self, run: Run, results: Sequence[Result]) -> None:
        """Tell of a batch when it is known: if Redis is lost on the way, the operator has to know what was done."""
        self.run = run
        for one in results:
            if self.refused_json and isinstance(one, Refused):
                self.refused_json.add(one)
            if run.tells_of_each_job and not self.refused_json:
                click.echo(line_of(one))


def carry_out(run: Run, ids: Sequence[str], *, rate: int | None, follows: bool, as_json: bool) -> int:
    """Begin a run, carry it out, and return the exit code."""

    async def begin(runs: Runs) -> Run:
        return await runs.begin(run, ids)

    return _carry(begin, rate=rate, follows=follows, as_json=as_json)


def resume_run(run_id: str, *, actor: str, rate: int | None, follows: bool, as_json: bool) -> int:
    """Go on with a run, and return the exit code."""

    async def take(runs: Runs) -> Run:
        return await runs.take(run_id, actor)

    return _carry(take, rate=rate, follows=follows, as_json=as_json)


def _carry(start: Callable[[Runs], Awaitable[Run]], *, rate: int | None, follows: bool, as_json: bool) -> int:
    told = Told(RefusedJson() if as_json else None)

    async def body(redis: Redis) -> tuple[Run, Outcomes | None]:
        runs = Runs(redis, token=secrets.token_urlsafe(16))
        with ended_by_ctrl_c():
            told.run = run = await start(runs)
            if not run.tells_of_each_job:
                click.echo(f"replay {run.id}", err=True)  # a process that is killed cannot say it later
            told.run = run = await _replay(redis, runs, run, told, rate)
            return run, await _follow(redis, run) if follows else None

    try:
        run, outcomes = run_with_redis(body)
    except (KeyboardInterrupt, TrunklineError, OSError) as stopped:  # the last if who reads the output has gone
        if told.run is not None and not isinstance(stopped, RunTaken):
            click.echo(_how_to_go_on(told.run), err=True)
        if isinstance(stopped, KeyboardInterrupt):
            return _EXIT_REFUSED
        raise
    return _end(told, run, outcomes)


def _end(told: Told, run: Run, outcomes: Outcomes | None) -> int:
    if told.refused_json:
        rest: dict[str, object] = {"selected": run.counts.selected, "requeued": run.counts.requeued}
        told.refused_json.end(rest | ({"outcomes": outcomes.by_state} if outcomes else {}))
    else:
        if not run.tells_of_each_job:
            for line in refusals({reason_of_several(why): jobs for why, jobs in run.counts.refused.items()}):
                click.echo(line)
        click.echo(end_of(run) if run.counts.selected else "no such jobs: nothing was replayed")
        if outcomes:
            click.echo(outcomes_line(outcomes))
    is_fine = not run.counts.refused and (outcomes is None or outcomes.are_all_sent)
    return 0 if is_fine else _EXIT_REFUSED


def _how_to_go_on(run: Run) -> str:
    if run.is_over:
        return f"its jobs go on; to see what becomes of them: trunkline replay --resume {run.id} --yes --follow"
    return f"replay {run.id} was interrupted; to go on: trunkline replay --resume {run.id} --yes"


async def _replay(redis: Redis, runs: Runs, run: Run, told: Told, rate: int | None) -> Run:
    replaying = Replaying(redis, runs, Pace(rate, monotonic=time.monotonic, sleep=asyncio.sleep))
    prints_meanwhile = told.refused_json is not None or run.tells_of_each_job
    with _bar("replaying", beside=not (prints_meanwhile and sys.stdout.isatty())) as bar:
        if bar.is_shown and not run.is_over:
            bar.total(await _left(redis, run))
        before = run.counts.selected

        def tell(now: Run, results: Sequence[Result]) -> None:
            told.take(now, results)
            bar.move_to(now.counts.selected - before)

        return await replaying.carry_out(run, tell)


async def _left(redis: Redis, run: Run) -> int:
    """Return about how many jobs a run has left."""
    if run.wanted is None:
        jobs = run.given
    else:
        wanted = bounded(run.wanted, run.began_ms)
        jobs = run.counts.selected + sum([1 async for _ in Listing(redis).all(wanted, limit=run.limit)])
    return max(0, min(jobs, run.limit or jobs) - run.counts.selected)


async def _follow(redis: Redis, run: Run) -> Outcomes:
    with _bar("waiting for outcomes") as bar:

        def tell(outcomes: Outcomes) -> None:
            bar.total(outcomes.jobs)
            bar.move_to(outcomes.known)

        return await follow(redis, run.id, sleep=asyncio.sleep, tell=tell)


@dataclass(frozen=True, slots=True)
class _Bar:
    progress: Progress
    task: TaskID
    is_shown: bool

    def total(self, jobs: int) -> None:
        self.progress.update(self.task, total=jobs)

    def move_to(self, jobs: int) -> None:
        self.progress.update(self.task, completed=jobs)


@contextmanager
def _bar(what: str, *, beside: bool = True) -> Iterator[_Bar]:
    """Yield a progress bar on the standard error; where that is no terminal, one that is not shown.

    Args:
        what: what is going on.
        beside: False shows none, since what is printed meanwhile would go through it.
    """
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    is_shown = console.is_terminal and beside
    # Redirected, the standard output would end up in the console of the bar.
    bar = Progress(*columns, console=console, disable=not is_shown, transient=True, redirect_stdout=False)
    with bar as progress:
        yield _Bar(progress, progress.add_task(what, total=None), is_shown)
