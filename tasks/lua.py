"""Loads the journal's scripts, with the client's prelude `place.lua` in front of those that move jobs."""

from __future__ import annotations

from functools import cache
from importlib import resources

from redis.asyncio import Redis
from redis.commands.core import AsyncScript

_WITHOUT_PRELUDE = frozenset({"bind", "reseal"})


@cache
def source(name: str) -> str:
    """Return the whole text of the journal script `name` as Redis runs it."""
    script = resources.files("tasks").joinpath(f"scripts/{name}.lua").read_text(encoding="utf-8")
    if name in _WITHOUT_PRELUDE:
        return script
    prelude = resources.files("trunkline_client").joinpath("scripts/place.lua").read_text(encoding="utf-8")
    return f"{prelude}\n{script}"


def load(redis: Redis, name: str) -> AsyncScript:
    """Return the script bound to `redis`; it is sent by its hash and loaded again where a server forgot it."""
    return redis.register_script(source(name))
