"""Lengths of time as options take them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

import click

_FORM: Final = re.compile(r"([0-9]{1,7})([smhd]?)")
_UNITS: Final = {"": "seconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
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
