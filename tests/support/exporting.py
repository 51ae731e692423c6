"""`trunkline exporter` as a process."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.system import BIN


@contextmanager
def exporter(redis_url: str, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command; yields the process and where its metrics are."""
    process = subprocess.Popen(
        [BIN / "trunkline", "exporter", "--port", "0", "--json", *arguments],
        env={"PATH": os.environ["PATH"], "TRUNKLINE_REDIS_URL": redis_url},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())["metrics"]
    finally:
        process.kill()
        process.communicate()
