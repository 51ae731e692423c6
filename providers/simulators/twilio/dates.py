"""Twilio's date filters: a name, and the same name followed by a literal `<` or `>`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime


def within_days(at: float | None, name: str, query: Mapping[str, str]) -> bool:
    """Return whether a time passes the filters `name`, `name<` and `name>` of a query.

    Filters work by whole days in GMT; `<` and `>` include the day they name. A time that is still None passes no
    filter, and a filter that is no date is ignored.
    """
    wanted = {sign: day for sign in ("", "<", ">") if (day := _day(query.get(name + sign))) is not None}
    if not wanted:
        return True
    if at is None:
        return False
    day = datetime.fromtimestamp(at, tz=UTC).date()
    return day == wanted.get("", day) and day <= wanted.get("<", day) and day >= wanted.get(">", day)


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError:
        return None
