"""Producers that are killed while they enqueue, and started again with what was not confirmed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from tests.support.chaos.run import Run

_ROOT: Final = Path(__file__).parents[3]


def enqueue_and_be_killed(run: Run, make: Callable[[int], Mapping[str, Any]], way: str, most: int) -> None:
    """Enqueue every job of the run by `way` (`client` or `submit`), killing the producer `most` times at the most.

    A job that was not confirmed is enqueued again under its id, as every producer should do.
    """
    open_jobs = {f"job-{number}": {**make(number), "id": f"job-{number}"} for number in range(run.total)}
    while open_jobs:
        is_to_die = run.strikes < most
        file = run.system.folder / "jobs.jsonl"
        file.write_text("\n".join(map(json.dumps, open_jobs.values())), encoding="utf-8")
        confirmed = _produce(
            run, file, way, kill_after=run.random.randint(1, max(2, run.total // most)) if is_to_die else 0
        )
        for job_id in confirmed:
            run.jobs[job_id] = open_jobs.pop(job_id)["to"]
        if open_jobs:
            run.struck()


def _produce(run: Run, file: Path, way: str, *, kill_after: int) -> list[str]:
    """Return what one producer had confirmed when it ended, or was killed after so many."""
    confirmed: list[str] = []
    producer = subprocess.Popen(
        [sys.executable, "-m", "tests.support.chaos.producer", run.system.redis.url, way, str(file)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
    )
    with producer:
        assert producer.stdout
        for line in producer.stdout:
            if line.endswith("\n"):
                confirmed.append(line.strip())
            if kill_after and len(confirmed) >= kill_after:
                producer.kill()
    return confirmed
