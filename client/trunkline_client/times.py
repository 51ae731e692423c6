"""Moments of a job: aware datetimes in Python, ISO 8601 text with an offset in JSON, milliseconds in Redis."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

TIME_HINT: Final = "must be a time with its offset from UTC, like 2030-01-31T09:30:00Z or 2030-01-31T09:30:00+01:00"
#: RFC 3339 with optional seconds; `datetime.fromisoformat` alone also reads week dates and times without an offset.
TIME_FORM: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def read_ms(value: object) -> int | None:
    """Return the moment in milliseconds since 1970, or None if `value` is no moment with an offset since then."""
    moment = read_moment(value)
    if moment is None:
        return None
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def read_moment(value: object) -> datetime | None:
    """Return the moment `value` names, or None as `read_ms` does."""
    moment = value if isinstance(value, datetime) else _parse(value)
    return None if moment is None or moment.utcoffset() is None or moment < _EPOCH else moment


def _parse(value: object) -> datetime | None:
    if not isinstance(value, str) or not TIME_FORM.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value.upper())
    except ValueError:
        return None
