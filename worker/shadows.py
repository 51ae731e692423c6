"""Makes sure that `tasks`, `senders` and `providers` are ours: a file in the working folder may have the same name.

`celery -A worker.app` puts the working folder first on the module path while it imports the app.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trunkline_client.errors import TrunklineError

OURS: Final = ("tasks", "senders", "providers")


class ForeignModule(TrunklineError):
    """A module with one of our names was imported from elsewhere."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """A file outside Trunkline that has the name of one of its packages."""

    name: str
    path: Path

    def __str__(self) -> str:
        return f"{self.path} has the name of Trunkline's package `{self.name}`"


def import_ours(home: Path) -> list[Shadow]:
    """Import our packages from `home`, whatever else is on the module path.

    Args:
        home: the folder that holds `worker` and the other packages.

    Returns:
        The foreign files that would have been imported instead; they are left alone.

    Raises:
        ForeignModule: one of them was imported before us and is in the way; names the file.
    """
    shadows = [shadow for name in OURS if (shadow := _shadow(name, home))]
    sys.path.insert(0, str(home))
    try:
        for name in OURS:
            module = importlib.import_module(name)
            origin = Path(module.__file__ or "nowhere").resolve()
            if home not in origin.parents:
                shadow = Shadow(name, origin)
                raise ForeignModule(f"{shadow}; start the worker from another folder, or rename that file")
    finally:
        sys.path.remove(str(home))
    return shadows


def _shadow(name: str, home: Path) -> Shadow | None:
    """Return the first file on the module path before `home` that would be imported as `name`."""
    for entry in sys.path:
        folder = Path(entry or ".").resolve()
        if folder == home:
            return None
        for candidate in (folder / name / "__init__.py", folder / f"{name}.py"):
            if candidate.is_file():
                return Shadow(name, candidate)
    return None
