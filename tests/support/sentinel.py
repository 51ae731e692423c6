"""A master, a replica and three Sentinels on random loopback ports; any of them can be killed."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from redis import Redis
from redis.exceptions import RedisError

from tests.support.redis_server import HOST, RedisServer, free_port, server_binary, watchdog

SERVICE: Final = "trunkline"
SENTINELS: Final = 3
WAIT_S: Final = 60.0


class SentinelProcess:
    """One Sentinel."""

    def __init__(self, folder: Path, master_port: int) -> None:
        folder.mkdir(parents=True)
        self.port = free_port()
        self._log = folder / "sentinel.log"
        config = folder / "sentinel.conf"
        config.write_text(
            f"port {self.port}\nbind {HOST}\ndir {folder}\n"
            f"sentinel monitor {SERVICE} {HOST} {master_port} 2\n"
            f"sentinel down-after-milliseconds {SERVICE} 800\n"
            f"sentinel failover-timeout {SERVICE} 3000\n",
            encoding="utf-8",
        )
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(server_binary()), str(config), "--sentinel"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._watchdog = watchdog(self._process.pid)

    def kill(self) -> None:
        """End it, and wait until it is gone."""
        self._watchdog.kill()
        self._watchdog.communicate()
        self._process.kill()
        self._process.wait(timeout=15)

    def knows(self) -> tuple[int, int, int]:
        """Return the port of the master it knows, and how many replicas and other Sentinels."""
        with Redis(host=HOST, port=self.port, socket_timeout=1) as client:
            state = client.sentinel_master(SERVICE)
            return int(state["port"]), int(state["num-slaves"]), int(state["num-other-sentinels"])


@dataclass(frozen=True)
class Guarded:
    """A master and a replica, guarded by Sentinels that agree about them."""

    master: RedisServer
    replica: RedisServer
    sentinels: tuple[SentinelProcess, ...]

    @property
    def url(self) -> str:
        """The address as `TRUNKLINE_REDIS_URL` takes it."""
        return f"sentinel://{','.join(f'{HOST}:{one.port}' for one in self.sentinels)}/{SERVICE}/0"

    @property
    def master_port(self) -> int:
        """The port of the master that a living Sentinel names."""
        for sentinel in self.sentinels:
            with suppress(RedisError):
                return sentinel.knows()[0]
        raise AssertionError("no Sentinel answers")

    def role(self, server: RedisServer) -> str:
        """Return what a server says it is: `master` or `slave`."""
        with Redis(host=HOST, port=server.port, decode_responses=True) as client:
            return str(client.info("replication")["role"])

    def wait_until_copied(self) -> None:
        """Return once the replica has everything the master confirmed."""
        with Redis(host=HOST, port=self.master.port) as client:
            client.incr("copied")
            assert client.wait(1, int(WAIT_S * 1000)) == 1

    def wait_for_failover(self) -> None:
        """Return once the Sentinels have made the replica the master."""
        until(lambda: self.master_port == self.replica.port and self.role(self.replica) == "master")


def until(holds: Callable[[], bool]) -> None:
    """Return once `holds` does; servers that do not answer meanwhile are asked again."""
    give_up_at = time.monotonic() + WAIT_S
    while time.monotonic() < give_up_at:
        with suppress(RedisError):
            if holds():
                return
        time.sleep(0.05)
    raise AssertionError("it did not come true in time")


@contextmanager
def guarded(folder: Path) -> Iterator[Guarded]:
    """Run a master, a replica and three Sentinels that all know of each other, for the length of the block."""
    with ExitStack() as stack:
        master = stack.enter_context(RedisServer(folder / "master", aof=True))
        copies = ["--replicaof", HOST, str(master.port)]
        replica = stack.enter_context(RedisServer(folder / "replica", aof=True, options=copies))
        sentinels = []
        for number in range(SENTINELS):
            sentinels.append(SentinelProcess(folder / f"sentinel-{number}", master.port))
            stack.callback(sentinels[-1].kill)
        everybody = (master.port, 1, SENTINELS - 1)
        until(lambda: all(sentinel.knows() == everybody for sentinel in sentinels))
        yield Guarded(master, replica, tuple(sentinels))
