"""`trunkline jobs list`: jobs by what became of them, newest first."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final

import click
from redis.asyncio import Redis

from tasks.listing import Listed, Listing, Page
from tasks.wanted import Cursor, CursorInvalid, Wanted
from worker.cli.durations import length_text
from worker.cli.filters import selects_jobs
from worker.cli.interrupts import ended_by_ctrl_c
from worker.cli.moments import utc_text
from worker.cli.support import run_with_redis

_DEFAULT_LIMIT: Final = 50
#: how many jobs are in memory at a time.
_PAGE: Final = 500
_COLUMNS: Final = ("id", "tenant", "state", "why", "sender", "country", "age")
_BETWEEN: Final = "  "


def _cursor(_: click.Context, __: click.Parameter, text: str | None) -> Cursor | None:
    try:
        return None if text is None else Cursor.parse(text)
    except CursorInvalid as invalid:
        raise click.BadParameter(str(invalid)) from None


@click.command("list")
@selects_jobs
@click.option("--limit", type=click.IntRange(min=1), help=f"How many, the newest ones; {_DEFAULT_LIMIT} unless told.")
@click.option("--all", "everything", is_flag=True, help="Show all of them, however many there are.")
@click.option("--cursor", "after", callback=_cursor, metavar="CURSOR", help="Go on where an earlier listing ended.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_jobs(*, wanted: Wanted, limit: int | None, everything: bool, after: Cursor | None, as_json: bool) -> None:
    """List jobs, newest first, by when they were enqueued; nothing of a recipient or a text is shown.

    \b
    Example:
      trunkline jobs list --state failed --since 12h
      trunkline jobs list --tenant acme --fault auth --json
    """  # noqa: D301 - click needs the control character itself
    if everything and limit:
        raise click.UsageError("--all and --limit exclude each other")
    most = None if everything else limit or _DEFAULT_LIMIT
    show = _print_json if as_json else _print_lines
    run_with_redis(lambda redis: show(redis, wanted, after, most))


async def _pages(redis: Redis, wanted: Wanted, after: Cursor | None, most: int | None) -> AsyncIterator[Page]:
    """Yield the pages of a listing, the last one with the cursor of what was not asked for."""
    listing, shown = Listing(redis), 0
    while True:
        with ended_by_ctrl_c():
            page = await listing.page(wanted, after=after, limit=_PAGE if most is None else min(_PAGE, most - shown))
        yield page
        after, shown = page.cursor, shown + len(page.jobs)
        if after is None or shown == most:
            return


async def _print_lines(redis: Redis, wanted: Wanted, after: Cursor | None, most: int | None) -> None:
    seconds, _ = await redis.time()
    now, cursor = datetime.fromtimestamp(int(seconds), tz=UTC), None
    widths: list[int] = []
    async for page in _pages(redis, wanted, after, most):
        lines = [_line(job, now) for job in page.jobs]
        if lines and not widths:
            lines.insert(0, _COLUMNS)
            widths = [0 for _ in _COLUMNS]
        for line in lines:
            widths = list(map(max, widths, map(len, line)))
        # Not a table of rich: with it 100,000 jobs took three minutes, and every page was a table of its own.
        for line in lines:
            click.echo(_BETWEEN.join(map(str.ljust, line, widths)).rstrip())
        cursor = page.cursor
    if not widths:
        click.echo("no such jobs", err=True)
    if cursor is not None:
        click.echo(f"there may be more: add --cursor {cursor}", err=True)


async def _print_json(redis: Redis, wanted: Wanted, after: Cursor | None, most: int | None) -> None:
    """Print the pages as one document, each as soon as it is there; nothing if the first cannot be had."""
    before, cursor = '{"jobs": [', None
    async for page in _pages(redis, wanted, after, most):
        cursor = page.cursor
        for job in page.jobs:
            click.echo(f"{before}\n  {json.dumps(as_json(job), ensure_ascii=False)}", nl=False)
            before = ","
    end = "]" if before != "," else "\n]"
    click.echo(f'{"" if before == "," else before}{end}, "cursor": {json.dumps(cursor and str(cursor))}}}')


def as_json(job: Listed) -> dict[str, Any]:
    """Return a listed job for machines."""
    return {
        "id": job.id,
        "tenant": job.tenant or None,
        "channel": job.channel,
        "priority": job.lane,
        "state": job.state.value,
        "rule": job.rule,
        "fault": job.fault,
        "sender": job.sender,
        "provider": job.provider,
        "tried": list(job.tried),
        "country": job.country,
        "reference": job.reference,
        "attempts": job.attempts,
        "replays": job.replays,
        "maybe_twice": job.maybe_twice,
        "maybe_sent": job.maybe_sent,
        "created": utc_text(job.created),
        "finished": utc_text(job.finished) if job.finished else None,
    }


def _line(job: Listed, now: datetime) -> tuple[str, ...]:
    sender = job.sender or ", ".join(job.tried)
    why = " ".join(filter(None, (job.why, "maybe twice" * job.maybe_twice, "maybe sent" * job.maybe_sent)))
    return (job.id, job.tenant, job.state.value, why, sender, job.country or "", length_text(now - job.created))
