"""How fast taskiq enqueues: `python -m benchmarks.peers.taskiq_enqueue SECONDS AT_A_TIME` prints it as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from itertools import count

from benchmarks.peers.taskiq_app import broker, send


async def main() -> None:
    """Enqueue for so long, with so many calls at a time."""
    seconds, at_a_time = float(sys.argv[1]), int(sys.argv[2])
    await broker.startup()
    await send.kiq("Your code is job-0000000")  # connects
    numbers = count()
    started, cpu_started = time.perf_counter(), time.process_time()

    async def enqueue() -> None:
        while time.perf_counter() - started < seconds:
            await send.kiq(f"Your code is job-{next(numbers):07}")

    await asyncio.gather(*(enqueue() for _ in range(at_a_time)))
    wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu_started
    print(json.dumps({"done": next(numbers), "wall_s": wall_s, "cpu_s": cpu_s}))
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
