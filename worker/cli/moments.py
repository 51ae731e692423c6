"""Moments as options take them, and as listings show them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import click

#: the help of an option that `moment` reads.
FORMS: Final = "ISO 8601 (UTC if no zone is named), or 90m, 6h, 7d"

_AGO: Final = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    """Return a moment that is given as ISO 8601 (UTC if it names no zone), or as a time ago such as 90m.

    Raises:
        click.BadParameter: it is neither.
    """
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    try:
        if ago:
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)  # at the ends of time it has none
    except (ValueError, OverflowError):
        raise click.BadParameter("must be a moment like 2026-11-23T08:00Z, or a time ago like 90m, 6h or 7d") from None


def utc_text(at: datetime) -> str:
    """Return a moment in UTC, to the millisecond, as ISO 8601."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
