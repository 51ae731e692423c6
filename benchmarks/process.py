"""A measured process with all its children: what CPU time and memory they have taken, from outside of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_STOP_S: Final = 30.0
#: places in /proc/PID/stat after the name, which may itself hold spaces (proc(5)).
_PGRP, _UTIME, _STIME, _RSS_PAGES = 2, 11, 12, 21


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has taken so far, its children included.

    Attributes:
        cpu_s: user and system time, in seconds; Linux counts it in ticks of 10 ms.
        rss_mb: resident memory, in MB (10**6).
    """

    cpu_s: float
    rss_mb: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A process that leads a group of its own, so that the children it starts are counted with it."""

    process: subprocess.Popen[bytes]
    log: Path

    def usage(self) -> Usage:
        """Return what the whole group has taken."""
        return usage_of_group(self.process.pid)

    def check(self) -> None:
        """Return if it still runs; else raise a RuntimeError with the end of its log."""
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.process.args!r} ended: {self.log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """Ask the group to end, and end it if it does not."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                os.killpg(self.process.pid, number)
            try:
                self.process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                continue
            return


@contextmanager
def measured(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str], name: str = "measured"
) -> Iterator[Measured]:
    """Run a command until the end of the block; its output goes to a file."""
    log = folder / f"{name}-{time.monotonic_ns()}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            list(command),
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    running = Measured(process, log)
    try:
        yield running
    finally:
        running.stop()


def usage_of_group(group: int) -> Usage:
    """Return what all processes of a group have taken."""
    return _from_proc(group) if sys.platform == "linux" else _from_ps(group)


def _from_proc(group: int) -> Usage:
    ticks, pages = 0, 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if int(fields[_PGRP]) == group:
            ticks += int(fields[_UTIME]) + int(fields[_STIME])
            pages += int(fields[_RSS_PAGES])
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE") / 1e6)


def _from_ps(group: int) -> Usage:
    """Return the same from `ps`, for macOS, whose times have hundredths of a second."""
    listed = subprocess.run(["ps", "-A", "-o", "pgid=,time=,rss="], capture_output=True, text=True, check=True).stdout
    rows = [row.split() for row in listed.splitlines()]
    own = [(time_s(taken), int(kib)) for pgid, taken, kib in rows if int(pgid) == group]
    return Usage(sum(taken for taken, _ in own), sum(kib for _, kib in own) * 1024 / 1e6)


def time_s(text: str) -> float:
    """Return the seconds of a time as `ps` writes it, `[[days-]hours:]minutes:seconds`."""
    days, _, clock = text.rpartition("-")
    seconds = 0.0
    for part in clock.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds + 86_400 * int(days or 0)
