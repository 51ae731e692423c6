"""`trunkline jobs stats`: who waits, what waits for an operator, and how jobs ended lately."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click
from redis.asyncio import Redis

from tasks.backlog import Backlog, BacklogReader, LaneBacklog
from tasks.stats import Ended, Stats
from worker.cli.durations import length_text
from worker.cli.moments import FORMS, moment, utc_text
from worker.cli.support import field_of_a_job, print_json, run_with_redis
from worker.cli.tables import print_table

_WINDOW: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Stats:
    """What is shown; `backlog` is None for one tenant, whose share in it no index tells."""

    lanes: tuple[LaneBacklog, ...]
    backlog: Backlog | None
    dead: Mapping[str, int]
    ended: Ended


@click.command()
@click.option("--tenant", callback=field_of_a_job, help="Only jobs of this tenant.")
@click.option(
    "--since", callback=moment, metavar="WHEN", help=f"Count what ended from then on: {FORMS}; 1h unless told."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def stats(*, tenant: str | None, since: datetime | None, as_json: bool) -> None:
    """Show who waits, and how jobs ended in the last hour.

    Flower shows who is being served; this shows who waits: in the lanes, before them for room, and for an operator.

    \b
    Example:
      trunkline jobs stats
      trunkline jobs stats --tenant acme --since 24h --json
    """  # noqa: D301 - click needs the control character itself
    found = run_with_redis(lambda redis: _read(redis, tenant, since))
    if as_json:
        print_json(_as_json(found))
    else:
        _print(found)


async def _read(redis: Redis, tenant: str | None, since: datetime | None) -> _Stats:
    counts = Stats(redis)
    if since is None:
        seconds, _ = await redis.time()
        since = datetime.fromtimestamp(int(seconds), tz=UTC) - _WINDOW
    backlog = await BacklogReader(redis).read() if tenant is None else None
    lanes = backlog.lanes if backlog else await counts.lanes_of(str(tenant))
    dead = await counts.dead_by_fault(tenant=tenant)
    return _Stats(lanes, backlog, dead, await counts.ended(since, tenant=tenant))


def _print(found: _Stats) -> None:
    lanes = [lane for lane in found.lanes if lane.jobs]
    if lanes:
        rows = [(one.queue, one.lane, str(one.in_lane), str(one.waiting), _age(one.oldest_age)) for one in lanes]
        print_table(("queue", "priority", "in lane", "waiting", "oldest"), rows)
    else:
        click.echo("nobody waits in a lane")
    if found.backlog:
        _print_rest(found.backlog)
    click.echo(f"dead letters {sum(found.dead.values())}{_parts(found.dead)}")
    for line in _ended_lines(found.ended):
        click.echo(line)


def _print_rest(backlog: Backlog) -> None:
    click.echo(f"delayed {backlog.delayed} ({backlog.overdue} due), in hand {backlog.in_hand}, held {backlog.held}")
    if backlog.at_gates:
        click.echo(f"at gates {backlog.at_gates}")
        print_table(("gate", "jobs"), [(one.gate, str(one.jobs)) for one in backlog.fullest_gates])
    if backlog.damaged:
        click.echo(f"damaged {backlog.damaged}: their records cannot be worked with")
    if backlog.longest_waiting:
        rows = [(one.tenant, str(one.jobs), _age(one.oldest_age)) for one in backlog.longest_waiting]
        print_table(("tenant that waits for room", "jobs", "oldest"), rows)
        more = backlog.waiting_tenants - len(rows)
        if more > 0:
            click.echo(f"and {more} more tenants")


def _ended_lines(ended: Ended) -> Iterable[str]:
    if ended.since is None:
        yield "ended: not known, since TRUNKLINE_EVENTS is 0 and no events are kept"
        return
    yield f"ended since {utc_text(ended.since)}: {sum(ended.states.values())}{_parts(ended.states)}"
    for what, counts in (("failed by", ended.faults), ("rejected by", ended.rules), ("sent by", ended.providers)):
        if counts:
            yield f"  {what} {', '.join(_texts(counts))}"
    if ended.fallback_share is not None:
        yield f"  after a fallback {ended.fell_back} of them, {ended.fallback_share:.1%}"


def _parts(counts: Mapping[str, int]) -> str:
    return f" ({', '.join(_texts(counts))})" if counts else ""


def _texts(counts: Mapping[str, int]) -> list[str]:
    return [f"{name} {count}" for name, count in counts.items()]


def _age(age: timedelta | None) -> str:
    return "" if age is None else length_text(age)


def _as_json(found: _Stats) -> dict[str, Any]:
    ended, backlog = found.ended, found.backlog
    counted = ("delayed", "overdue", "in_hand", "at_gates", "held", "damaged")
    places = {name: backlog and getattr(backlog, name) for name in counted}
    return {
        "lanes": [
            {
                "queue": lane.queue,
                "priority": lane.lane.value,
                "in_lane": lane.in_lane,
                "waiting": lane.waiting,
                "oldest_s": _seconds(lane.oldest_age),
            }
            for lane in found.lanes
        ],
        **places,
        "dead_letters": dict(found.dead),
        "waiting_tenants": backlog and backlog.waiting_tenants,
        "longest_waiting": backlog
        and [
            {"tenant": one.tenant, "jobs": one.jobs, "oldest_s": _seconds(one.oldest_age)}
            for one in backlog.longest_waiting
        ],
        "fullest_gates": backlog and [{"gate": one.gate, "jobs": one.jobs} for one in backlog.fullest_gates],
        "ended": {
            "since": utc_text(ended.since) if ended.since else None,
            "states": dict(ended.states),
            "faults": dict(ended.faults),
            "rules": dict(ended.rules),
            "providers": dict(ended.providers),
            "fell_back": ended.fell_back,
            "fallback_share": ended.fallback_share,
        },
    }


def _seconds(age: timedelta | None) -> float | None:
    return None if age is None else age.total_seconds()
