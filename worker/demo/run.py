"""One run of the demo: arms what goes wrong, enqueues every job, waits, and judges."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from providers.simulators.control import SimulatorControl
from trunkline_client import Trunkline, keys
from trunkline_client.calls import handle_of
from trunkline_client.message import submit_message
from trunkline_client.words import Lane
from worker.demo.cases import SCENARIOS
from worker.demo.checks import Result, Verdict, judge
from worker.demo.privacy import leaks
from worker.demo.sample import accounts
from worker.demo.scenario import OptOut, Scenario, Way
from worker.demo.system import System

#: The slowest case takes 14 s: an attempt of 4 s, lookups until 10 s after it, and the fallback.
_PATIENCE_S: Final = 60.0
_POLL_S: Final = 0.1


class Watcher(Protocol):
    """Is told how the run goes."""

    def waiting(self, results: Sequence[Result]) -> None:
        """Take note of every job as it is now; called until all have ended."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to, and how long it took from the first job on."""

    results: tuple[Result, ...]
    verdict: Verdict
    seconds: float


def run(system: System, watcher: Watcher, scenarios: Sequence[Scenario] = SCENARIOS) -> Outcome:
    """Put every case through the running system and return what came of it.

    Raises:
        DemoFailed: a process ended on the way.
        TrunklineError: a job was refused that the contract allows, or Redis is gone.
    """
    started = time.monotonic()
    jobs = [_job(scenario, datetime.now(UTC)) for scenario in scenarios]
    for scenario in scenarios:
        _arm(system.control, scenario)
    with Trunkline(system.redis_url) as trunkline:
        _enqueue(system, trunkline, scenarios, jobs)
        results = _wait(system, trunkline, watcher, scenarios)
    verdict = judge(
        results,
        system.control.ledger().entries,
        accounts(),
        left_in_redis=system.left_over(),
        leaks=leaks(system.processes.logs, _private(jobs, system.secrets)),
    )
    return Outcome(results, verdict, time.monotonic() - started)


def _job(scenario: Scenario, now: datetime) -> dict[str, Any]:
    """Return the job as a producer has it: with an id, a fresh passcode, and its time."""
    job = {**scenario.job, "id": scenario.job_id}
    job["body"] = job["body"].replace("{code}", f"{secrets.randbelow(10**6):06d}")
    if scenario.send_in_s is not None:
        job["send_at"] = (now + timedelta(seconds=scenario.send_in_s)).isoformat()
    return job


def _arm(control: SimulatorControl, scenario: Scenario) -> None:
    for trouble in scenario.troubles:
        if isinstance(trouble, OptOut):
            control.opt_out(trouble.account, scenario.recipient)
        else:
            control.arm(replace(trouble, recipient=scenario.recipient))


def _enqueue(
    system: System, trunkline: Trunkline, scenarios: Sequence[Scenario], jobs: Sequence[Mapping[str, Any]]
) -> None:
    by_client = []
    for scenario, job in zip(scenarios, jobs, strict=True):
        if scenario.way is Way.RAW_MESSAGE:
            queue = keys.dispatch_queue(Lane(job.get("priority", Lane.NORMAL)))
            without_id = {name: value for name, value in job.items() if name != "id"}
            system.redis.lpush(queue, json.dumps(submit_message(without_id, job["id"], queue)))
        else:
            by_client += [job] * (2 if scenario.way is Way.CLIENT_TWICE else 1)
    for sent in trunkline.send_many(by_client):
        handle_of(sent)
    for scenario in scenarios:
        if scenario.way is Way.CLIENT_THEN_CANCEL:
            trunkline.cancel(scenario.job_id)


def _wait(system: System, trunkline: Trunkline, watcher: Watcher, scenarios: Sequence[Scenario]) -> tuple[Result, ...]:
    """Return every case with its job once all have ended, or when patience is at its end."""
    give_up_at = time.monotonic() + _PATIENCE_S
    while True:
        results = tuple(Result(scenario, trunkline.status(scenario.job_id)) for scenario in scenarios)
        watcher.waiting(results)
        if all(result.is_finished for result in results) or time.monotonic() > give_up_at:
            return results
        system.processes.check()
        time.sleep(_POLL_S)


def _private(jobs: Sequence[Mapping[str, Any]], tokens: Sequence[str]) -> set[str]:
    """Return everything that no log may show; a number also without its plus sign, as addresses write it."""
    return {*tokens, *(job["to"].removeprefix("+") for job in jobs), *(job["body"] for job in jobs)}
