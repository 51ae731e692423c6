"""Rules over what the workers tell about themselves. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from trunkline_client import keys
from worker.broker import KINDS
from worker.finding import Finding, Severity, gravest_first, named
from worker.redis_health import MOST_SKEW_MS
from worker.settings import Broker


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """What one worker answered.

    Attributes:
        name: its node name.
        queues: those it takes messages from.
        version: of Trunkline; None if it does not tell, as versions do that had no doctor.
        record_versions: which records of jobs it reads; empty if it does not tell.
        broker: its `TRUNKLINE_BROKER`; None if it does not tell.
        ahead_ms: how far its clock is ahead of that of Redis at least.
    """

    name: str
    queues: frozenset[str]
    version: str | None = None
    record_versions: frozenset[int] = frozenset()
    broker: str | None = None
    ahead_ms: int = 0


@dataclass(frozen=True, slots=True)
class Expected:
    """What the workers should be like: the version of this command, and of the records that are written now."""

    version: str
    record_version: int


def findings_of(workers: Sequence[WorkerFacts], expected: Expected) -> list[Finding]:
    """Return everything worth telling about the workers that answered, the gravest first."""
    if not workers:
        return [_none()]
    return gravest_first(
        [
            *_unconsumed(workers),
            *_records(workers, expected),
            *_versions(workers, expected),
            *_clocks(workers),
            *_brokers(workers),
            *_same_names(workers),
        ]
    )


def _none() -> Finding:
    return Finding(
        "no_worker",
        Severity.ERROR,
        "no worker answers",
        "jobs are taken and recorded, and nothing is sent",
        "start one (trunkline worker), with the same TRUNKLINE_REDIS_URL; one that runs and does not answer has lost "
        "Redis, or is frozen: look at its log",
    )


def _unconsumed(workers: Sequence[WorkerFacts]) -> Iterable[Finding]:
    taken = frozenset[str]().union(*(one.queues for one in workers))
    for queue in keys.ALL_QUEUES:
        if queue not in taken:
            unused = queue == keys.MAINTENANCE_QUEUE
            yield Finding(
                "unconsumed",
                Severity.HINT if unused else Severity.ERROR,
                f"no worker consumes {queue}",
                _loss(queue),
                f"start a worker without --queues, or with --queues {queue}",
            )


def _loss(queue: str) -> str:
    if queue == keys.MAINTENANCE_QUEUE:
        return "nothing is put there yet; a later version may"
    prefix, _, name = queue.partition(".")
    if prefix == "fallback":
        return f"there is no failover to {name}: a job whose turn is there waits until its life is over"
    return f"jobs of the lane {name} wait until their life is over"


def _records(workers: Sequence[WorkerFacts], expected: Expected) -> Iterable[Finding]:
    unable = [one.name for one in workers if one.record_versions and expected.record_version not in one.record_versions]
    if unable:
        yield Finding(
            "record_version",
            Severity.ERROR,
            f"records of version {expected.record_version}, which this version writes, are not read by {named(unable)}",
            "a job that is enqueued by this version is not sent by such a worker",
            "update the workers before the producers",
        )


def _versions(workers: Sequence[WorkerFacts], expected: Expected) -> Iterable[Finding]:
    others = [f"{one.name} ({one.version or 'unknown'})" for one in workers if one.version != expected.version]
    if others:
        yield Finding(
            "worker_version",
            Severity.WARNING,
            f"this is Trunkline {expected.version}, and other versions run: {named(others)}",
            "during an update that is as it should be; if it stays, a mended mistake is still made somewhere",
            "restart those workers with this version, or use the version they have",
        )


def _clocks(workers: Sequence[WorkerFacts]) -> Iterable[Finding]:
    wrong = [f"{one.name} ({one.ahead_ms / 1000:+.0f} s)" for one in workers if abs(one.ahead_ms) > MOST_SKEW_MS]
    if wrong:
        yield Finding(
            "worker_clock",
            Severity.WARNING,
            f"clocks that differ from that of Redis: {named(wrong)}",
            "lookups compare times of Redis with the providers', and certificates, tokens and logs go by the worker's",
            "run NTP on every machine",
        )


def _brokers(workers: Sequence[WorkerFacts]) -> Iterable[Finding]:
    for broker in Broker:
        if broker is not Broker.OWN and (them := [one.name for one in workers if one.broker == broker]):
            loses = "loses trunkline.submit messages that a killed worker had in hand"
            ends = "is for comparison: an outage of Redis or junk in a queue can end a worker"
            yield Finding(
                "worker_broker",
                Severity.WARNING,
                f"TRUNKLINE_BROKER is {broker} at {named(them)}",
                f"that transport {ends if KINDS[broker].acknowledges else loses}",
                f"leave the setting out, or set it to {Broker.OWN}",
            )


def _same_names(workers: Sequence[WorkerFacts]) -> Iterable[Finding]:
    twice = [name for name, count in Counter(one.name for one in workers).items() if count > 1]
    if twice:
        yield Finding(
            "worker_name",
            Severity.WARNING,
            f"several workers have the same name: {named(twice)}",
            "Flower and remote control take them for one, so one of them is not seen",
            "give each a name of its own: trunkline worker --name dispatch-1@%h",
        )


#: what a worker is asked when it does not know `worker.remote_control`: Celery's own question for its queues.
QUEUES_COMMAND: Final = "active_queues"


def facts_of(name: str, answer: object, *, before_ms: int, after_ms: int) -> WorkerFacts | None:
    """Return what a worker answered to `worker.remote_control`, None if it does not know that command.

    Args:
        name: its node name.
        answer: what came back; anything can call itself a worker.
        before_ms: the time of Redis before it was asked.
        after_ms: the same after its answer.
    """
    if not isinstance(answer, dict) or "time_ms" not in answer:
        return None
    time_ms = int(answer["time_ms"])
    return WorkerFacts(
        name,
        frozenset(map(str, answer.get("queues", ()))),
        version=answer.get("version"),
        record_versions=frozenset(answer.get("record_versions", ())),
        broker=answer.get("broker"),
        ahead_ms=min(0, time_ms - before_ms) + max(0, time_ms - after_ms),
    )
