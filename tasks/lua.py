"""Loads the journal's scripts, each with the preludes it needs in front."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from trunkline_client import scripts as client_scripts
from trunkline_client.scripts import Script

_WITHOUT_PRELUDE = frozenset({"backlog_lane", "backlog_waiting", "bind", "reseal"})
_WITH_LIMITS = frozenset({"begin_attempt", "count"})
#: what those begin with that take or hand on the capacity of a gate: each line of it takes time in every run, and all
#: of it together took 6 us. `place.lua` knows what the other scripts need.
_GATES = {
    "begin_attempt": ("gates", "gate_entry"),
    "finish": ("gates", "gate_wake"),
    "move_due": ("gates", "gate_wake"),
}
#: these carry recorded jobs on, so they run when Redis is full; what records more is refused then.
_WHEN_FULL = frozenset(
    {
        "begin_attempt",
        "bind",
        "cancel_hop",
        "claim",
        "count",
        "finish",
        "move_due",
        "renew",
        "replay",
        "settle",
        "sweep",
        "note_replay",
    }
)
_WITH_AUDIT = frozenset({"cancel_hop", "settle", "replay"})
#: these ask the client's `cancel.lua`, so that what is too late to cancel is decided in one place.
_WITH_CANCEL = frozenset({"cancel_hop"})


@cache
def source(name: str) -> str:
    """Return the whole text of the journal script `name` as Redis runs it.

    Those that move jobs begin with what they need of the client's preludes, those that count them also with
    `limits.lua`, those that know gates with `gates.lua`, those of an operator with `audit.lua`; one has `cancel.lua` as
    a function; those that carry recorded jobs on run when Redis is full.
    """
    parts = [_read(name)]
    if name in _WITH_LIMITS:
        parts.insert(0, _read("limits"))
    for prelude in reversed(_GATES.get(name, ())):
        parts.insert(0, _read(prelude))
    if name in _WITH_CANCEL:
        parts.insert(0, f"local function cancel(ARGV)\n{client_scripts.read('cancel')}\nend")
    if name in _WITH_AUDIT:
        parts.insert(0, _read("audit"))
    if name not in _WITHOUT_PRELUDE:
        parts.insert(0, client_scripts.needed(client_scripts.prelude(), "\n".join(parts)))
    if name in _WHEN_FULL:
        parts.insert(0, _read("when_full"))
    return "\n".join(parts)


@cache
def script(name: str) -> Script:
    """Return the journal script `name` with the hash it is called by."""
    text = source(name)
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def load(redis: Redis, name: str) -> AsyncScript:
    """Return the script bound to `redis`; it is sent by its hash and loaded again where a server forgot it."""
    return redis.register_script(source(name))


def _read(name: str) -> str:
    return resources.files("tasks").joinpath(f"scripts/{name}.lua").read_text(encoding="utf-8")
