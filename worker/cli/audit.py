"""`trunkline audit`: who changed what, and when."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime

import click
from redis.asyncio import Redis

from senders.audit import AuditAction, AuditEvent, FieldChange
from senders.audit_log import START, AuditEntry, AuditLog, Wanted
from senders.differences import Difference
from worker.cli.interrupts import until_interrupted
from worker.cli.moments import FORMS, moment, utc_text
from worker.cli.support import actor_name, field_of_a_job, print_json, run_with_redis


@click.command()
@click.option("--tenant", callback=field_of_a_job, help="Only what was done to this tenant.")
@click.option("--actor", callback=actor_name, help="Only what this person or program did.")
@click.option("--action", type=click.Choice([action.value for action in AuditAction]), help="Only this kind of event.")
@click.option("--subject", metavar="KEY", help="Only what was done to this sender, policy or job, by its key or id.")
@click.option("--since", callback=moment, help=f"From this moment on: {FORMS}.")
@click.option("--until", callback=moment, help="Up to this moment; as --since.")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many, the newest ones."
)
@click.option("--follow", is_flag=True, help="Go on with what is done from now on, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --follow one line for each event.")
def audit(
    tenant: str | None,
    actor: str | None,
    action: str | None,
    subject: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    follow: bool,
    as_json: bool,
) -> None:
    """Show who changed which configuration, and when: the newest events, the last one last.

    \b
    Example:
      trunkline audit --tenant acme --since 7d
      trunkline audit --action sender.deleted --json
      trunkline audit --follow
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    if follow and until:
        raise click.UsageError("--until ends in the past, so it cannot be followed: leave out one of the two")
    wanted = Wanted(tenant=tenant, actor=actor, action=action, subject=subject, since=since, until=until)
    if not follow:
        _print_all(run_with_redis(lambda redis: _newest(AuditLog(redis), wanted, limit)), as_json=as_json)
        return
    run_with_redis(lambda redis: _follow(redis, wanted, limit, as_json=as_json))


async def _newest(log: AuditLog, wanted: Wanted, limit: int, end: str = "+") -> list[AuditEntry]:
    return (await log.newest(wanted, limit, end=end))[::-1]


async def _follow(redis: Redis, wanted: Wanted, limit: int, *, as_json: bool) -> None:
    async for entry in _first_and_next(AuditLog(redis), wanted, limit, until_interrupted()):
        click.echo(json.dumps(_as_json(entry), ensure_ascii=False) if as_json else _text(entry))


async def _first_and_next(
    log: AuditLog, wanted: Wanted, limit: int, is_over: Callable[[], bool]
) -> AsyncIterator[AuditEntry]:
    last = await log.last_id()
    for entry in await _newest(log, wanted, limit, last) if last != START else ():
        yield entry
    async for entry in log.follow(wanted, after=last, is_over=is_over):
        yield entry


def _print_all(entries: list[AuditEntry], *, as_json: bool) -> None:
    if as_json:
        print_json([_as_json(entry) for entry in entries])
    for entry in () if as_json else entries:
        click.echo(_text(entry))


def _text(entry: AuditEntry) -> str:
    event = entry.event
    words = (_time(entry), event.actor, event.action, _object(event))
    return "\n".join(["  ".join(filter(None, words)), *(f"    {_line(change)}" for change in event.changes)])


def _object(event: AuditEvent) -> str:
    return "/".join(filter(None, (event.tenant, event.subject)))


def _line(change: FieldChange) -> str:
    return str(Difference(change.field, change.before, change.after))


def _time(entry: AuditEntry) -> str:
    return utc_text(entry.at)


def _as_json(entry: AuditEntry) -> dict[str, object]:
    event = entry.event
    return {
        "id": entry.id,
        "time": _time(entry),
        "actor": event.actor,
        "action": event.action,
        "tenant": event.tenant or None,
        "subject": event.subject or None,
        "changes": [{"field": one.field, "before": one.before, "after": one.after} for one in event.changes],
    }
