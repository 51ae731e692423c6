"""A producer as a process of its own, for tests that kill it: prints the id of every job that Redis confirmed.

Arguments: the address of Redis, `client` or `submit`, and a file with one job in JSON per line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from trunkline_client import Handle, Trunkline, keys
from trunkline_client.connection import open_sync
from trunkline_client.message import submit_message
from trunkline_client.words import Lane

_BATCH = 20


def through_the_client(url: str, jobs: list[Mapping[str, Any]]) -> Iterator[str]:
    """Enqueue with `send_many`, a few at a time."""
    with Trunkline(url) as trunkline:
        for start in range(0, len(jobs), _BATCH):
            sent = trunkline.send_many(jobs[start : start + _BATCH])
            yield from (one.id for one in sent if isinstance(one, Handle))


def through_celery(url: str, jobs: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Publish messages for `trunkline.submit`; the task's id becomes the job's."""
    queue = keys.dispatch_queue(Lane.URGENT)
    with open_sync(url) as redis:
        for job in jobs:
            whole = {name: value for name, value in job.items() if name != "id"}
            redis.lpush(queue, json.dumps(submit_message(whole, job["id"], queue)))
            yield job["id"]


def main() -> None:
    """Enqueue every job of the file."""
    url, way, file = sys.argv[1:]
    jobs = [json.loads(line) for line in Path(file).read_text(encoding="utf-8").splitlines()]
    enqueue = through_celery if way == "submit" else through_the_client
    for job_id in enqueue(url, jobs):
        sys.stdout.write(f"{job_id}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
