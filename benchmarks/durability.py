"""What a confirmed job costs under each promise of Redis: `python -m benchmarks.durability`.

All servers run at once and take turns, so that the load of the machine is the same for all; the file system is that of
the temporary folder.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from redis import Redis

from benchmarks.enqueue import CHUNK, job
from benchmarks.measure import stopwatch
from tests.support.redis_server import HOST, RedisServer
from trunkline_client import Trunkline

ROUNDS: Final = 3
SECONDS: Final = 1.0
#: what a way does after each call, with a plain client to its server
After = Callable[[Redis], object]


def nothing(_: Redis) -> None:
    """Promise no more than Redis does by itself."""


def wait(redis: Redis) -> None:
    """Wait until a replica has it all; WAIT asks about the writes of its own connection, so this one has to write."""
    redis.incr("waited")
    redis.wait(1, 1000)


def main() -> None:
    """Measure and print the median of the rounds, in microseconds of wall time per job."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        servers = {
            "no file": RedisServer(folder / "none"),
            "everysec": RedisServer(folder / "everysec", aof=True),
            "always": RedisServer(folder / "always", aof=True, options=["--appendfsync", "always"]),
        }
        for server in servers.values():
            stack.enter_context(server)
        copies = ["--replicaof", HOST, str(servers["everysec"].port)]
        stack.enter_context(RedisServer(folder / "replica", aof=True, options=copies))
        ways: dict[str, tuple[RedisServer, After]] = {way: (server, nothing) for way, server in servers.items()}
        ways["everysec, a replica, WAIT 1"] = (servers["everysec"], wait)
        took: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for way, (server, after) in ways.items():
                took[way].append((_each_us(server, 1, after), _each_us(server, CHUNK, after)))
    print(f"{'microseconds per job':32}{'one at a time':>16}{f'{CHUNK} at a time':>16}")
    for way, rounds in took.items():
        singles, chunks = (sorted(column)[ROUNDS // 2] for column in zip(*rounds, strict=True))
        print(f"{way:32}{singles:>16,.0f}{chunks:>16,.0f}")


def _each_us(server: RedisServer, chunk: int, after: After) -> float:
    with Trunkline(server.url) as client, Redis(host=HOST, port=server.port) as redis, stopwatch() as watch:
        while watch.runs(SECONDS):
            client.send_many({"channel": "sms", **job(watch.done + offset)} for offset in range(chunk))
            after(redis)
            watch.done += chunk
    return 1e6 / watch.measurement("", "").per_s


if __name__ == "__main__":
    main()
