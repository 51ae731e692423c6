"""Packs commands in C where hiredis is installed.

redis-py's blocking connections do so themselves. Its asyncio ones join the pieces in Python (8.1): 11 us for a call
of a script, where hiredis takes 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    from hiredis import pack_command as _pack
except ImportError:  # a producer need not have it
    _pack = None  # type: ignore[assignment]

_in_c: Callable[[tuple[Any, ...]], bytes] | None = _pack


class PacksInC:
    """What an asyncio connection does with a command on its way out."""

    def pack_command(self, *args: Any) -> list[bytes]:
        """Return the command as Redis reads it, in pieces."""
        if _in_c is not None and isinstance(args[0], str):
            try:
                return [
                    _in_c((*args[0].encode().split(), *args[1:]))
                ]  # a name of two words, such as SCRIPT LOAD, is two
            except TypeError:
                pass  # a kind of value that redis-py knows, or refuses in its own words
        packed: list[bytes] = super().pack_command(*args)  # type: ignore[misc]  # of the connection it is mixed into
        return packed
