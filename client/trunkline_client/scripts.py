"""The producer's Redis scripts: their text, their hash, and how their answers are read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import Final

from redis.exceptions import NoScriptError

#: what every script begins with, in this order.
PRELUDES: Final = ("base", "index", "place")


@dataclass(frozen=True, slots=True)
class Script:
    """One script as Redis runs it.

    Attributes:
        sha: the hash it is called by.
    """

    name: str
    text: str
    sha: str


def prelude() -> str:
    """Return the text of the shared functions that every script begins with."""
    return "\n".join(map(read, PRELUDES))


def load(name: str) -> Script:
    """Return the script `name` of this package, with the shared functions in front."""
    text = f"{prelude()}\n{read(name)}"
    sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return Script(name, text, sha)


def is_forgotten(answer: object) -> bool:
    """Whether an answer means that the server does not hold the script, as after a restart or a failover."""
    return isinstance(answer, NoScriptError)


def as_text(answer: object) -> str:
    """Return one field of an answer as text, whichever way the client at hand decodes."""
    return answer.decode() if isinstance(answer, bytes) else str(answer)


def read(name: str) -> str:
    """Return the text of one file of this package's scripts, by its name without `.lua`."""
    return resources.files("trunkline_client").joinpath(f"scripts/{name}.lua").read_text(encoding="utf-8")


ENQUEUE: Final = load("enqueue")
CANCEL: Final = load("cancel")
USED: Final = load("used")
