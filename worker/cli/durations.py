"""Lengths of time as options take them, and as they are shown."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

import click

_FORM: Final = re.compile(r"([0-9]{1,7})([smhd]?)")
_UNITS: Final = {"": "seconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SHORT_S, _MINUTE_S = 10, 60
_SHORTEST, _LONGEST = timedelta(seconds=5), timedelta(days=7)


def life(_: click.Context, __: click.Parameter, text: str | None) -> timedelta | None:
    """Return how long a job may live, given in seconds or as 90s, 10m, 6h or 7d.

    Raises:
        click.BadParameter: it is no length of time, or no job may live so long or so short.
    """
    if text is None:
        return None
    given = _FORM.fullmatch(text)
    length = timedelta(**{_UNITS[given[2]]: int(given[1])}) if given else timedelta(0)
    if not _SHORTEST <= length <= _LONGEST:
        raise click.BadParameter("must be 5 seconds to 7 days: 90 (seconds), 90s, 10m, 6h or 7d")
    return length


def length_text(length: timedelta) -> str:
    """Return a length of time as people say it: its two greatest units, down to milliseconds below a second."""
    seconds = max(0.0, length.total_seconds())
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < _MINUTE_S:
        return f"{seconds:.1f} s" if seconds < _SHORT_S else f"{seconds:.0f} s"
    minutes = int(seconds) // 60
    parts = [(minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "min")]
    first = next(index for index, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)
