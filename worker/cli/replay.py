"""`trunkline replay`: give failed jobs another life, by their ids or by a filter."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from typing import Any, Final

import click

from tasks.replay import Terms
from tasks.replay_runs import Run
from tasks.replaying import ByFilter, ByIds
from tasks.wanted import Wanted
from trunkline_client.limits import RULES
from trunkline_client.words import JobState, Lane
from worker.cli.durations import life
from worker.cli.filters import selects_jobs_with, sender_key
from worker.cli.replay_carry import carry_out, resume_run
from worker.cli.replay_preview import preview
from worker.cli.replay_shown import show_run, show_runs
from worker.cli.support import acts, run_with_redis

_MOST_IDS: Final = 100_000
_STDIN: Final = "-"
_REPLAYED_STATES: Final = frozenset({JobState.FAILED, JobState.EXPIRED, JobState.HELD})
_WHICH: Final = (
    "say which jobs: give their ids, - for ids from standard input, or a filter such as --state failed --tenant acme"
)


def _job_ids(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the ids, each once, None if none were asked for.

    Raises:
        click.BadParameter: no job can be called so, or they are too many.
    """
    if not given:
        return None
    ids = dict[str, None]()
    named = (one for one in given if one != _STDIN)
    for job_id in chain(named, _words(sys.stdin) if _STDIN in given else ()):
        problem = RULES["id"].problem(job_id)
        if problem is not None:
            raise click.BadParameter(problem)
        ids[job_id] = None
        if len(ids) > _MOST_IDS:
            raise click.BadParameter(f"they are too many: at most {_MOST_IDS}, or use a filter")
    return tuple(ids)


def _words(lines: Iterable[str]) -> Iterator[str]:
    """Yield the words of a text.

    Raises:
        click.BadParameter: it is no text.
    """
    try:
        for line in lines:
            yield from line.split()
    except UnicodeDecodeError:
        raise click.BadParameter("standard input holds no ids: it is not text in UTF-8") from None


def _run_id(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    problem = None if text is None else RULES["id"].problem(text)
    if problem is not None:
        raise click.BadParameter(problem)
    return text


@click.command()
@click.argument("job_ids", nargs=-1, metavar="[ID...]", callback=_job_ids)
@selects_jobs_with("--lane")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many jobs; of a filter the newest.")
@click.option("--unknown", is_flag=True, help="Take held jobs and what may have been sent, too: asked about first.")
@click.option("--ttl", callback=life, metavar="DURATION", help="How long they may live from now: 90s, 10m, 6h, 7d.")
@click.option("--via", callback=sender_key, metavar="KEY", help="Over this sender of their tenants only.")
@click.option("--priority", type=click.Choice([lane.value for lane in Lane]), help="Their lane from now on.")
@click.option("--rate", type=click.IntRange(min=1), help="At most so many jobs per second.")
@click.option("--yes", is_flag=True, help="Do it; without it, only show what would be done.")
@click.option("--follow", is_flag=True, help="Wait until they are sent, or have failed again.")
@click.option("--resume", callback=_run_id, metavar="RUN", help="Go on with a replay that was interrupted.")
@click.option("--runs", is_flag=True, help="List the replays of the last days.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@acts
def replay(
    *,
    job_ids: tuple[str, ...] | None,
    wanted: Wanted,
    resume: str | None,
    runs: bool,
    yes: bool,
    follow: bool,
    rate: int | None,
    as_json: bool,
    actor: str,
    **asked: Any,
) -> None:
    """Send failed jobs again, under their ids and from their tenants' own accounts on.

    Without --yes it only shows what would be done. A filter takes failed jobs; --state expired or --state held takes
    those. What was sent, may have been sent, or whose recipient opted out is refused. With --unknown the provider is
    asked about what may have been sent; what it does not have is sent again. A job whose life is over needs a --ttl.

    \b
    Example:
      trunkline replay 5f0c1d 60aa01
      trunkline replay --tenant acme --fault auth --since 12h --ttl 10m --yes
      trunkline jobs list --state failed --json | jq -r '.jobs[].id' | trunkline replay - --yes
    """  # noqa: D301 - click needs the control character itself
    _check_usage([job_ids is not None, wanted != Wanted(), resume is not None, runs], follow=follow, yes=yes)
    if runs:
        run_with_redis(lambda redis: show_runs(redis, as_json=as_json))
    elif resume is not None:
        _check_resumed(asked)
        if yes:
            sys.exit(resume_run(resume, actor=actor, rate=rate, follows=follow, as_json=as_json))
        run_with_redis(lambda redis: show_run(redis, resume, as_json=as_json))
    else:
        run = _new_run(job_ids, wanted, asked, actor)
        if yes:
            sys.exit(carry_out(run, job_ids or (), rate=rate, follows=follow, as_json=as_json))
        run_with_redis(
            lambda redis: preview(
                redis, ByFilter(redis, run.wanted) if run.wanted else ByIds(job_ids or ()), run, as_json=as_json
            )
        )


def _check_usage(selectors: list[bool], *, follow: bool, yes: bool) -> None:
    if not any(selectors):
        raise click.UsageError(_WHICH)
    if sum(selectors) > 1:
        raise click.UsageError("give one of these: ids, filters, --resume or --runs")
    if follow and not yes:
        raise click.UsageError("--follow waits for what is done: it goes with --yes")


def _check_resumed(asked: dict[str, Any]) -> None:
    given = sorted(f"--{name}" for name, value in asked.items() if value)
    if given:
        raise click.UsageError(f"a replay that goes on keeps its terms: leave out {', '.join(given)}")


def _new_run(job_ids: tuple[str, ...] | None, wanted: Wanted, asked: dict[str, Any], actor: str) -> Run:
    states = wanted.states or frozenset({JobState.FAILED})
    if not states <= _REPLAYED_STATES:
        raise click.BadParameter("only failed, expired and held jobs can be replayed", param_hint="--state")
    ttl: timedelta | None = asked["ttl"]
    lane = Lane(asked["priority"]) if asked["priority"] else None
    return Run(
        id=secrets.token_hex(6),
        actor=actor,
        terms=Terms(unknown=asked["unknown"], ttl=ttl, lane=lane, via=asked["via"]),
        wanted=replace(wanted, states=states) if job_ids is None else None,
        limit=asked["limit"],
    )
