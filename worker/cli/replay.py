"""`trunkline replay`: give failed jobs another life."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import click
from redis.asyncio import Redis

from tasks.replay import Refused, Replays, Requeued, Terms
from trunkline_client.limits import RULES
from worker.cli.durations import life
from worker.cli.support import acts, print_json, run_with_redis

_EXIT_REFUSED: Final = 1


def _job_ids(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Return the ids, each once; raises `click.BadParameter` for what no job can be called."""
    if not given:
        raise click.UsageError("say which jobs: give their ids")
    for job_id in given:
        problem = RULES["id"].problem(job_id)
        if problem is not None:
            raise click.BadParameter(problem)
    return tuple(dict.fromkeys(given))


@click.command()
@click.argument("job_ids", nargs=-1, metavar="ID...", callback=_job_ids)
@click.option("--unknown", is_flag=True, help="Take held jobs and what may have been sent, too.")
@click.option("--ttl", callback=life, metavar="DURATION", help="How long they may live from now: 90s, 10m, 6h, 7d.")
@click.option("--yes", is_flag=True, help="Do it; without it, only show what would be done.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@acts
def replay(
    *, job_ids: tuple[str, ...], unknown: bool, ttl: timedelta | None, yes: bool, as_json: bool, actor: str
) -> None:
    """Send failed jobs again, under their ids and from their tenants' own accounts on.

    A job that was sent, may have been sent, or whose recipient opted out is refused. With --unknown a held job is asked
    about once more, and what may have been sent is sent again and marked. A job whose life is over needs a --ttl.

    \b
    Example:
      trunkline replay 5f0c1d 60aa01
      trunkline replay 5f0c1d 60aa01 --ttl 10m --yes
    """  # noqa: D301 - click needs the control character itself
    terms = Terms(unknown=unknown, ttl=ttl)

    def tell(result: Requeued | Refused) -> None:
        """Print it when it is known: if Redis is lost on the way, the operator has to know what was done."""
        if not as_json:
            click.echo(_line(result, dry_run=not yes))

    results = run_with_redis(lambda redis: _replayed(redis, job_ids, terms, actor, tell, dry_run=not yes))
    refused = [one for one in results if isinstance(one, Refused)]
    requeued = len(results) - len(refused) if yes else 0
    if as_json:
        told = [{"id": one.id, "reason": one.reason} for one in refused]
        print_json({"selected": len(results), "requeued": requeued, "refused": told})
    elif not yes:
        click.echo("Nothing was done: this only shows. --yes does it.")
    if refused and yes:
        sys.exit(_EXIT_REFUSED)


async def _replayed(
    redis: Redis,
    job_ids: tuple[str, ...],
    terms: Terms,
    actor: str,
    tell: Callable[[Requeued | Refused], None],
    *,
    dry_run: bool,
) -> list[Requeued | Refused]:
    replays = Replays(redis, actor=actor, new_token=lambda: secrets.token_urlsafe(16))
    act = replays.look if dry_run else replays.replay
    results = []
    for job_id in job_ids:
        results.append(await act(job_id, terms))
        tell(results[-1])
    return results


def _line(result: Requeued | Refused, *, dry_run: bool) -> str:
    if isinstance(result, Refused):
        return f"{result.id} refused: {result.reason}"
    return f"{result.id} {'would be ' if dry_run else ''}{result.state}"
