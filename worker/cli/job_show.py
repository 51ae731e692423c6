"""`trunkline jobs show`: the whole story of one job."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click
from redis.asyncio import Redis
from rich.table import Table
from rich.text import Text

from providers.explanations import meaning_of, page_of
from senders.audit_log import AuditEntry
from senders.differences import Difference
from senders.secrets import KeyRing
from tasks.kept_content import Revealed, reveal
from tasks.story import AttemptStory, Story, read_story
from worker.cli.durations import length_text
from worker.cli.job_errors import no_such_job
from worker.cli.job_words import (
    NO_RECEIPT,
    content_line,
    explanations,
    fault_text,
    marks,
    reason_line,
    standing_line,
    times,
)
from worker.cli.moments import utc_text
from worker.cli.support import acts, field_of_a_job, print_json, run_with_redis
from worker.cli.tables import console
from worker.settings import load_settings


@dataclass(frozen=True, slots=True)
class _Shown:
    story: Story
    revealed: Revealed | None


@click.command()
@click.argument("job_id", callback=field_of_a_job)
@click.option("--reveal", "is_revealed", is_flag=True, help="Show recipient and text in full; the audit records it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@acts
def show(*, job_id: str, is_revealed: bool, as_json: bool, actor: str) -> None:
    """Tell the whole story of a job: times, every attempt, what was charged, and what it waits for.

    Recipient and text are masked. With --reveal they are shown as far as they are kept, with the keys of
    TRUNKLINE_SECRET_KEYS, once the audit has recorded who asked.

    \b
    Example:
      trunkline jobs show 5f0c1d
      trunkline jobs show 5f0c1d --reveal --as ann@acme.example
    """  # noqa: D301 - click needs the control character itself
    ring = KeyRing(load_settings().secret_key_texts) if is_revealed else None
    shown = run_with_redis(lambda redis: _read(redis, job_id, ring, actor))
    if as_json:
        print_json(_as_json(shown))
    else:
        _print(shown)


async def _read(redis: Redis, job_id: str, ring: KeyRing | None, actor: str) -> _Shown:
    story = await read_story(redis, job_id)
    if story is None:
        raise no_such_job(job_id)
    revealed = await reveal(redis, job_id, ring, actor=actor, token=secrets.token_urlsafe(16)) if ring else None
    return _Shown(story, revealed)


def _print(shown: _Shown) -> None:
    story = shown.story
    for line in _head(story):
        click.echo(line)
    if shown.revealed is None:
        click.echo(f"recipient and text {content_line(story)}")
    else:
        _print_revealed(shown.revealed)
    for what, at, after in times(story):
        click.echo(f"{what:<13}  {at}  {after}".rstrip())
    if story.attempts:
        console().print(_attempts(story))
    for number, attempt in enumerate(story.attempts, start=1):
        for line in explanations(attempt):
            click.echo(f"  {number}: {line}")
    for name, words in marks(story):
        click.echo(f"{name}: {words}")
    for deed in story.deeds:
        click.echo(_deed(deed))
    if story.status["state"] == "sent":
        click.echo(f"receipt {NO_RECEIPT}")


def _head(story: Story) -> Iterator[str]:
    status = story.status
    why = status["fault"] or status["rule"]
    yield f"{status['id']} {status['state']}" + (f" ({why}): {reason_line(story)}" if why else "")
    if status["account"]:
        message = status["provider_id"] or "unknown"
        yield f"sender {status['sender']}, account charged {status['account']}, message {message}"
    standing = standing_line(story)
    if standing:
        yield standing
    facts = [f"tenant {story.tenant}" if story.tenant else "no tenant", story.channel or "", story.lane or ""]
    facts += [
        f"country {story.country}" if story.country else "",
        f"reference {story.reference}" if story.reference else "",
    ]
    times = f"{story.replays} times" if story.replays > 1 else "once"
    facts += [f"replayed {times} (run {' and '.join(story.runs)})" if story.replays else ""]
    yield ", ".join(filter(None, facts))
    if story.chain:
        yield f"chain {' -> '.join(story.chain)}"


def _print_revealed(revealed: Revealed) -> None:
    click.echo(f"recipient {revealed.to}")
    if revealed.user:
        click.echo(f"user {revealed.user}")
    if revealed.metadata:
        click.echo(f"metadata {revealed.metadata}")
    click.echo("text:")
    for line in revealed.body.splitlines():
        click.echo(f"  {line}")


def _attempts(story: Story) -> Table:
    table = Table(box=None)
    for column in ("attempt", "at", "took", "sender", "number", "outcome", "fault", "code"):
        table.add_column(column, overflow="fold")
    for number, attempt in enumerate(story.attempts, start=1):
        took = length_text(attempt.ended - attempt.started) if attempt.ended else None
        after = f"+{length_text(attempt.started - story.created)}"
        outcome = attempt.outcome or "open"
        told = (after, took, attempt.sender, attempt.number, outcome, attempt.fault, attempt.code)
        # As Text: in markup, the `:100:` of an id like order:100:sms is an emoji.
        table.add_row(str(number), *(Text(text or "-") for text in told))
    return table


def _deed(entry: AuditEntry) -> str:
    event = entry.event
    changes = "; ".join(str(Difference(one.field, one.before, one.after)) for one in event.changes)
    return "  ".join(filter(None, (utc_text(entry.at), event.actor, event.action, changes)))


def _as_json(shown: _Shown) -> dict[str, Any]:
    story, standing = shown.story, shown.story.standing
    attempts = zip(story.status["attempts"], story.attempts, strict=True)
    return {
        **story.status,
        "attempts": [{**documented, **_attempt_json(attempt)} for documented, attempt in attempts],
        "tenant": story.tenant or None,
        "channel": story.channel,
        "priority": story.lane,
        "country": story.country,
        "reference": story.reference,
        "created": utc_text(story.created),
        "due": _optional(story.due),
        "claimed": _optional(story.claimed),
        "finished": _optional(story.finished),
        "expires": _optional(story.expires),
        "used": _optional(story.used),
        "kept_until": _optional(story.gone),
        "place": standing
        and {
            "name": standing.place.value,
            "queue": standing.queue,
            "since": _optional(standing.since),
            "until": _optional(standing.until),
            "ahead": standing.ahead,
            "gate": standing.gate,
            "meaning": standing_line(story),
        },
        "chain": list(story.chain),
        "turn": story.turn if story.chain else None,
        "wrong": list(story.wrong),
        "meaning": reason_line(story),
        "marks": dict(marks(story)),
        "replays": story.replays,
        "replayed_by": list(story.runs),
        "by_hand": [
            {"id": deed.id, "time": utc_text(deed.at), "actor": deed.event.actor, "action": deed.event.action}
            for deed in story.deeds
        ],
        "content": _content_json(shown),
        "receipt": None,
    }


def _attempt_json(attempt: AttemptStory) -> dict[str, Any]:
    return {
        "account": attempt.account,
        "started": utc_text(attempt.started),
        "ended": _optional(attempt.ended),
        "provider_id": attempt.provider_id,
        "http_status": attempt.http_status,
        "request_id": attempt.request_id,
        "not_honoured": list(attempt.not_honoured),
        "settled": attempt.is_settled,
        "earlier_life": attempt.is_earlier_life,
        "fault_meaning": fault_text(attempt.fault) if attempt.fault else None,
        "code_meaning": meaning_of(attempt.provider, attempt.code),
        "code_page": page_of(attempt.provider, attempt.code),
    }


def _content_json(shown: _Shown) -> dict[str, Any]:
    content, revealed = shown.story.content, shown.revealed
    told: dict[str, Any] = {"kept": content.kept.value, "to": content.recipient, "body_length": content.body_length}
    if revealed is not None:
        told |= {"to": revealed.to, "body": revealed.body, "body_length": len(revealed.body)}
        told |= {"user": revealed.user, "metadata": revealed.metadata}
    return told


def _optional(at: Any) -> str | None:
    return None if at is None else utc_text(at)
