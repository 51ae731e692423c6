"""The provider of `benchmarks.provider` as those that measure see it: started, configured, and asked what it got."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

LATENCY_S: Final = 0.05
#: a measurement in which nothing arrives for so long has failed.
_STUCK_S: Final = 30.0


class NotAsEnqueued(Exception):
    """The provider did not get each message once."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request that the provider got.

    Attributes:
        ns: when, by the monotonic clock that all processes of the machine share.
    """

    ns: int
    provider: str
    to: str
    body: str


@dataclass(frozen=True, slots=True)
class Provider:
    """The provider process.

    Attributes:
        url: the origin of Twilio's API, and of Syniverse's with its base path.
    """

    url: str
    _connection: TextIO

    @property
    def environment(self) -> Mapping[str, str]:
        """The settings that lead a worker to it."""
        names = ("TWILIO_API_URL", "TWILIO_MESSAGING_URL", "SYNIVERSE_API_URL")
        return {f"TRUNKLINE_{name}": self.url for name in names}

    def configure(self, *, latency_s: float = LATENCY_S, refused: Mapping[str, int] | None = None) -> None:
        """Forget what was received, and answer like this from now on."""
        self._ask("configure", latency_s=latency_s, refused=dict(refused or {}))

    def count(self, containing: str = "") -> int:
        """Return how many requests it has received, of those whose text contains this (no character is encoded)."""
        return int(self._ask("count", containing=containing))

    def open(self) -> int:
        """Return how many requests it has not answered yet."""
        return int(self._ask("open")["open"])

    def most_open(self) -> int:
        """Return how many requests were open at the same time, at most."""
        return int(self._ask("open")["most_open"])

    def received(self) -> list[Received]:
        """Return every request, oldest first."""
        return [Received(**each) for each in self._ask("received")]

    def wait_for(self, count: int, *, containing: str = "", every_s: float = 0.02) -> None:
        """Return once it has received so many requests, of those whose text contains this.

        Raises:
            NotAsEnqueued: none of them has arrived for half a minute.
        """
        seen, seen_at = 0, time.monotonic()
        while (now := self.count(containing)) < count:
            if now > seen:
                seen, seen_at = now, time.monotonic()
            if time.monotonic() - seen_at > _STUCK_S:
                raise NotAsEnqueued(f"{seen} of {count} messages arrived, and then none for {_STUCK_S:.0f} s")
            time.sleep(every_s)

    def check(self, bodies: Iterable[str], *, times: int = 1, among_others: bool = False) -> None:
        """Return if it has received each of these texts as often as it must, and nothing else but `among_others`.

        Raises:
            NotAsEnqueued: it has not; the text counts what is missing, doubled and unknown.
        """
        wanted, got = set(bodies), Counter(each.body for each in self.received())
        missing = sum(got[body] < times for body in wanted)
        unknown = 0 if among_others else len(got.keys() - wanted)
        doubled = sum(count > times for count in got.values())
        if missing or unknown or doubled:
            raise NotAsEnqueued(f"of {len(wanted)} messages {missing} missing, {doubled} doubled, {unknown} unknown")

    def _ask(self, what: str, **more: object) -> Any:
        self._connection.write(json.dumps({"ask": what, **more}) + "\n")
        self._connection.flush()
        return json.loads(self._connection.readline())


@contextmanager
def provider() -> Iterator[Provider]:
    """Run the provider and yield it."""
    script = Path(__file__).with_name("provider.py")
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        ports = process.stdout.readline().split() if process.stdout else []
        with socket.create_connection(("127.0.0.1", int(ports[1]))) as connection, connection.makefile("rw") as stream:
            yield Provider(f"http://127.0.0.1:{ports[0]}", stream)
        process.communicate(timeout=10)
