"""`trunkline jobs watch`: one job until it ends, or what becomes of many from now on."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

import click
from redis.asyncio import Redis

from tasks.event_log import EventLog, JobEvent
from tasks.record import RecordUnreadable
from tasks.wanted import Wanted
from trunkline_client import keys
from trunkline_client.words import JobState
from worker.cli.filters import selects_jobs
from worker.cli.interrupts import until_interrupted
from worker.cli.job_errors import no_such_job
from worker.cli.moments import utc_text
from worker.cli.support import field_of_a_job, run_with_redis

_EXIT_NOT_SENT = 1
_WENT_WELL = frozenset({JobState.SENT, JobState.DELIVERED})


@click.command()
@click.argument("job_id", required=False, callback=field_of_a_job)
@selects_jobs
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each event.")
def watch(*, job_id: str | None, wanted: Wanted, as_json: bool) -> None:
    """Show what becomes of a job until it ends, or without ID of all that are selected, until Ctrl-C.

    With ID the exit code is 0 if it was sent, and 1 otherwise.

    \b
    Example:
      trunkline jobs watch 5f0c1d
      trunkline jobs watch --tenant acme --state failed --json
    """  # noqa: D301 - click needs the control character itself
    if wanted.since or wanted.until:
        raise click.UsageError("what is watched happens from now on: leave out --since and --until")
    if job_id is None:
        run_with_redis(lambda redis: _watch_many(redis, wanted, as_json=as_json))
        return
    if wanted != Wanted():
        raise click.UsageError("give either the id of a job or conditions")
    state = run_with_redis(lambda redis: _watch_one(redis, job_id, as_json=as_json))
    if state not in _WENT_WELL:
        sys.exit(_EXIT_NOT_SENT)


async def _watch_many(redis: Redis, wanted: Wanted, *, as_json: bool) -> None:
    is_over, log = until_interrupted(), EventLog(redis)
    async for event in log.follow(wanted, after=await log.last_entry(), is_over=is_over):
        _print(event, as_json=as_json)


async def _watch_one(redis: Redis, job_id: str, *, as_json: bool) -> JobState:
    """Return the job's last state; what is no event, and what happens where none are kept, the record tells."""
    is_over, log = until_interrupted(), EventLog(redis)
    entry = await log.last_entry()
    state = told = await _state(redis, job_id)
    _print_state(job_id, state, as_json=as_json)
    while not state.is_finished and not is_over():
        for event in await log.after(entry):
            entry = event.entry
            if event.job_id == job_id:
                _print(event, as_json=as_json)
                told = JobState(event.facts["state"])
        state = await _state(redis, job_id)
        if state is not told and not state.is_finished:
            _print_state(job_id, state, as_json=as_json)
            told = state
    for event in await log.after(entry) if state is not told else ():
        if event.job_id == job_id:
            _print(event, as_json=as_json)
            told = JobState(event.facts["state"])
    if state is not told:
        _print_state(job_id, state, as_json=as_json)
    return state


async def _state(redis: Redis, job_id: str) -> JobState:
    state: Any = await redis.hget(keys.job(job_id), "state")
    if state is None:
        raise no_such_job(job_id)
    if state not in list(JobState):
        raise RecordUnreadable(f"the record of job {job_id} cannot be read")
    return JobState(state)


def _print(event: JobEvent, *, as_json: bool) -> None:
    if as_json:
        told = {"entry": event.entry, "time": utc_text(event.at), **event.facts}
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    facts = event.facts
    what = [facts.get("tenant"), facts.get("fault") or facts.get("rule"), facts.get("sender")]
    what += [f"-> {facts['next']}" if "next" in facts else None, facts.get("provider_id")]
    what += [name for name in ("maybe_twice", "maybe_sent") if name in facts]
    click.echo("  ".join(filter(None, (utc_text(event.at), event.job_id, facts.get("kind"), *what))))


def _print_state(job_id: str, state: JobState, *, as_json: bool) -> None:
    now = utc_text(datetime.now(UTC))
    told = {"entry": None, "time": now, "kind": None, "id": job_id, "state": state.value}
    click.echo(json.dumps(told) if as_json else f"{now}  {job_id}  {state}")
