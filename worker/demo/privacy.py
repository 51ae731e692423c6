"""Whether a log shows something private."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path


def leaks(logs: Path, private: Collection[str]) -> list[str]:
    """Return a sentence for each log file that shows any of `private`, without showing it again."""
    found = []
    for log in sorted(logs.glob("*.log")):
        text = log.read_text("utf-8", errors="replace")
        count = sum(value in text for value in private)
        if count:
            found.append(f"{log.name} shows {count} private values")
    return found
