"""Sets the wall clock of a Python process wrong by `SHIFTED_CLOCK_S` seconds, for tests of clocks that disagree.

Python imports a module of this name by itself when its folder is on PYTHONPATH, before any code of ours runs. Monotonic
clocks stay as they are: they have no common zero anyway.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from typing import Any, Self

_SHIFT_S = float(os.environ.get("SHIFTED_CLOCK_S", "0"))
_TIME, _TIME_NS = time.time, time.time_ns
_DATETIME = dt.datetime


class _AnyDatetime(type):
    """Lets instances that C code made pass for ours."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _DATETIME)


class _Shifted(_DATETIME, metaclass=_AnyDatetime):
    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> Self:
        now: Self = cls.fromtimestamp(time.time(), tz)
        return now

    @classmethod
    def utcnow(cls) -> Self:
        now: Self = cls.now(dt.UTC).replace(tzinfo=None)
        return now

    @classmethod
    def today(cls) -> Self:
        return cls.now()


def _shift() -> None:
    replaced: Any = time
    replaced.time = lambda: _TIME() + _SHIFT_S
    replaced.time_ns = lambda: _TIME_NS() + round(_SHIFT_S * 1_000_000_000)
    replaced = dt
    replaced.datetime = _Shifted


if _SHIFT_S:
    _shift()
