"""Looks for lists in Redis that hold messages nobody takes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from trunkline_client import keys
from trunkline_client.words import Lane
from worker.finding import Finding, Severity, named

#: Celery's default queue: where a producer publishes that names none.
_CELERYS_OWN: Final = "celery"
_PRIORITIES: Final = range(10)
#: every list that a worker of ours looks into.
CONSUMED: Final = frozenset(
    f"{queue}{keys.PRIORITY_SEPARATOR}{lane.broker_priority}" if lane.broker_priority else queue
    for queue in keys.ALL_QUEUES
    for lane in Lane
)
#: the lists that a producer's mistake fills: priorities that ours do not have, and Celery's default queue.
SUSPECTS: Final = tuple(
    name
    for queue in (*keys.ALL_QUEUES, _CELERYS_OWN)
    for priority in _PRIORITIES
    if (name := f"{queue}{keys.PRIORITY_SEPARATOR}{priority}" if priority else queue) not in CONSUMED
)
#: A name that may be shown: one that could hold a number of somebody is only counted.
_SHOWABLE: Final = re.compile(r"[A-Za-z][A-Za-z_.:-]{0,63}")
#: What remote control and the broker keep for themselves.
_PASSING: Final = re.compile(r"tl:|_kombu\.|celeryev|unacked|.*\.celery\.pidbox")
_SCANS: Final = 20
_KEYS_A_SCAN: Final = 1000


async def stray_lists(redis: Redis) -> dict[str, int]:
    """Return the lists with messages that no worker of Trunkline takes, with their lengths.

    Besides those that are known to be filled by mistake it looks at about the first 20,000 keys.
    """
    names = [*SUSPECTS, *await _other_lists(redis)]
    pipeline = redis.pipeline(transaction=False)
    for name in names:
        pipeline.llen(name)
    answers = await pipeline.execute(raise_on_error=False)  # a user may have no right to a list, which may be no list
    return {name: count for name, count in zip(names, answers, strict=True) if isinstance(count, int) and count}


def findings_of(lists: Mapping[str, int]) -> Iterable[Finding]:
    """Return what is wrong with lists that nobody takes from, the known mistakes first."""
    ours = {name: count for name, count in lists.items() if name.startswith(keys.ALL_QUEUES)}
    if ours:
        yield Finding(
            "priority",
            Severity.ERROR,
            f"messages with a priority that no worker looks at: {_told(ours)}",
            f"workers look at the priorities {', '.join(str(lane.broker_priority) for lane in Lane)} only: these are "
            "never taken",
            "let their producer publish without a priority; RENAME or DEL the lists once you know what is in them",
        )
    others = {name: count for name, count in lists.items() if name not in ours}
    if others:
        yield Finding(
            "stray",
            Severity.WARNING,
            f"lists with messages that no worker of Trunkline takes: {_told(others)}",
            "a job that was published to another queue than ours is never sent; something else's list fills this Redis",
            f"let its producer publish to {keys.dispatch_queue(Lane.NORMAL)} (docs/enqueue.md); DEL the list once you "
            "know what is in it",
        )


def _told(lists: Mapping[str, int]) -> str:
    return named([f"{_shown(name)} ({count:,})" for name, count in lists.items()])


def _shown(name: str) -> str:
    queue, _, priority = name.partition(keys.PRIORITY_SEPARATOR)
    shown = queue if _SHOWABLE.fullmatch(queue) else "a list whose name holds digits"
    return f"{shown} priority {priority}" if priority else shown


async def _other_lists(redis: Any) -> list[str]:
    found: dict[str, None] = {}
    cursor: int | str = 0
    try:
        for _ in range(_SCANS):
            cursor, names = await redis.scan(cursor, count=_KEYS_A_SCAN, _type="list")
            found |= dict.fromkeys(name for name in names if name not in CONSUMED and not _PASSING.match(name))
            if not int(cursor):
                break
    except ResponseError:
        return []  # this user may not look
    return [name for name in found if name not in SUSPECTS]
