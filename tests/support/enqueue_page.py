"""The worked example of docs/enqueue.md, read from the page itself."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "enqueue.md").read_text(encoding="utf-8")


def example() -> tuple[str, str]:
    """Return the list the example pushes to, and the text it pushes."""
    found = re.search(r"-x LPUSH (\S+) <<'JSON'\n(.*?\n)JSON\n", PAGE, re.DOTALL)
    if found is None:
        raise AssertionError("docs/enqueue.md has no worked example")
    return found[1], found[2]
