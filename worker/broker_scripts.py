"""The Lua scripts of our transport, sent by their hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final

from redis.exceptions import NoScriptError


@dataclass(frozen=True, slots=True)
class Script:
    """One script; `worker/scripts` names its KEYS, ARGV and units."""

    text: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha", hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest())

    def run(self, client: Any, names: list[str], arguments: list[Any]) -> Any:
        """Run it and return its answer; a server that does not hold it gets it whole."""
        try:
            return client.evalsha(self.sha, len(names), *names, *arguments)
        except NoScriptError:
            return client.eval(self.text, len(names), *names, *arguments)


def _load(name: str) -> Script:
    return Script(resources.files("worker").joinpath(f"scripts/{name}.lua").read_text(encoding="utf-8"))


TAKE: Final = _load("take")
GIVE_BACK: Final = _load("give_back")
