"""Processes whose wall clock is wrong."""

from __future__ import annotations

from pathlib import Path

_SHIFTED_CLOCK = Path(__file__).with_name("shifted_clock")


def shifted_clock(offset_s: float) -> dict[str, str]:
    """Return the variables that set a Python process's clock `offset_s` seconds ahead; none for the right time."""
    if not offset_s:
        return {}
    return {"PYTHONPATH": str(_SHIFTED_CLOCK), "SHIFTED_CLOCK_S": str(offset_s)}
