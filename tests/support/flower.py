"""Flower as an operator starts it, and a client that may ask its API."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx

from tests.support.redis_server import free_port
from tests.support.system import BIN, WAIT_S, System

Found = TypeVar("Found")

USER: Final = "op"
PASSWORD: Final = "flower-pass-5e1d"
#: What Flower shows without a password.
OPEN: Final = ("/metrics", "/healthcheck")
#: As in docker-compose.yml.
COLUMNS: Final = "name,uuid,state,result,exception,received,runtime,worker"
#: What its API tells.
READS: Final = ("/api/workers", "/api/tasks", "/api/task/types", "/api/queues/length", *OPEN)


@dataclass(frozen=True, slots=True)
class Flower:
    """A running Flower."""

    url: str
    client: httpx.Client

    def tasks(self) -> dict[str, dict[str, Any]]:
        """Return every task Flower knows, by id."""
        answer: dict[str, dict[str, Any]] = self.client.get("/api/tasks?limit=1000").json()
        return answer

    def task(self, task_id: str, *states: str) -> dict[str, Any]:
        """Return a task once Flower has it in one of these states."""

        def found() -> dict[str, Any] | None:
            task = self.tasks().get(task_id)
            return task if task and task["state"] in states else None

        return wait_for(found, f"{task_id} in {states}")

    def post(self, path: str, **body: Any) -> Any:
        """Ask Flower to do something; returns its answer."""
        answer = self.client.post(path, json=body or None)
        answer.raise_for_status()
        return answer.json()

    def pages(self) -> dict[str, str]:
        """Return the text of every page and of every read of the API, by path."""
        workers = self.client.get("/api/workers?refresh=1").json()
        tasks = self.tasks()
        paths = ["/", "/workers", "/workers?json=1", "/tasks", "/broker", "/nothing-here", *READS]
        paths += [f"/worker/{name}" for name in workers]
        paths += [f"{place}/{task_id}" for task_id in tasks for place in ("/task", "/api/task/info")]
        paths.append("/tasks/datatable?draw=1&start=0&length=1000&order[0][column]=0&order[0][dir]=asc")
        return {path: self.client.get(path).text for path in paths}


def wait_for(look: Callable[[], Found | None], what: str) -> Found:
    """Return what `look` finds once it finds something."""
    give_up_at = time.monotonic() + WAIT_S
    while (found := look()) is None:
        assert time.monotonic() < give_up_at, what
        time.sleep(0.1)
    return found


@contextmanager
def flower(system: System, *options: str) -> Iterator[Flower]:
    """Run Flower with a password; it gets the address of the broker and no secret of ours."""
    url = f"http://127.0.0.1:{free_port()}"
    command = [str(BIN / "celery"), "-A", "worker.app", "flower", "--address=127.0.0.1", f"--port={url.split(':')[2]}"]
    known = {name: system.environment[name] for name in ("PATH", "HOME", "TRUNKLINE_REDIS_URL")}
    with (system.folder / "flower.log").open("wb") as out:
        process = subprocess.Popen(
            [*command, *options],
            env={**known, "FLOWER_TASKS_COLUMNS": COLUMNS, "FLOWER_BASIC_AUTH": f"{USER}:{PASSWORD}"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=system.folder,
        )
    try:
        with httpx.Client(base_url=url, auth=(USER, PASSWORD), trust_env=False, timeout=20) as client:
            wait_for(lambda: _workers(client), "Flower and its first worker")
            yield Flower(url, client)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _workers(client: httpx.Client) -> Any:
    try:
        return client.get("/api/workers?refresh=1").json() or None
    except (httpx.TransportError, ValueError):
        return None
