"""Small charts as SVG text: bars, and latency by percentile.

Written by hand: two kinds of chart do not pay for a plotting library among the dependencies, and the same numbers give
the same file, so that a change of a picture is a change of the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 760
OURS: Final = "#0b6e4f"
COLOURS: Final = (OURS, "#c8553d", "#2d5d9f", "#8a6d3b", "#6b4a8e")
_GREY: Final = "#9aa5ad"
_TEXT: Final = 'font-family="system-ui, sans-serif" font-size="13" fill="#1f2933"'
_LABELS: Final = 240
_BAR, _GAP = 20, 8
_PLOT_HEIGHT: Final = 260
#: what the axis of percentiles shows; each step is a tenth of the values left.
_TICKS: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar."""

    label: str
    value: float
    text: str
    is_ours: bool = False


def bars(title: str, panels: Mapping[str, Sequence[Bar]]) -> str:
    """Return panels of horizontal bars, one below the other; each has its own scale from 0."""
    parts: list[str] = [_line_of_text(16, 24, title, weight=600)]
    y = 48.0
    for name, panel in panels.items():
        parts.append(_line_of_text(16, y, name))
        y += 12
        longest = max(bar.value for bar in panel)
        for bar in panel:
            width = (WIDTH - _LABELS - 130) * bar.value / longest if longest else 0
            colour = OURS if bar.is_ours else _GREY
            parts.append(_line_of_text(_LABELS - 8, y + 15, bar.label, anchor="end"))
            parts.append(f'<rect x="{_LABELS}" y="{y:.0f}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>')
            parts.append(_line_of_text(_LABELS + width + 6, y + 15, bar.text))
            y += _BAR + _GAP
        y += 24
    return _document(y - 8, parts)


def percentile_curves(title: str, series: Mapping[str, Sequence[tuple[float, int]]]) -> str:
    """Return latency (logarithmic) by percentile for each histogram, as `figures.histogram` returns it."""
    every = [end for buckets in series.values() for end, _ in buckets]
    low, high = math.floor(math.log10(min(every))), math.ceil(math.log10(max(every)))
    left, right, top, bottom = 70.0, WIDTH - 30.0, 50.0, 50.0 + _PLOT_HEIGHT
    most = max(sum(count for _, count in buckets) for buckets in series.values())
    nines = max(1.0, math.log10(most))

    def x(share: float) -> float:
        return left + (right - left) * min(1.0, -math.log10(max(1 - share, 1 / most)) / nines)

    def y(value: float) -> float:
        return bottom - (bottom - top) * (math.log10(value) - low) / max(1, high - low)

    parts = [_line_of_text(16, 24, title, weight=600)]
    for exponent in range(low, high + 1):
        parts.append(_rule(left, y(10.0**exponent), right, y(10.0**exponent)))
        parts.append(_line_of_text(left - 8, y(10.0**exponent) + 4, f"{10.0**exponent:g} ms", anchor="end"))
    for name, share in _TICKS.items():
        if 1 - share >= 1 / most:
            parts.append(_rule(x(share), top, x(share), bottom))
            parts.append(_line_of_text(x(share), bottom + 18, name, anchor="middle"))
    for place, (name, buckets) in enumerate(series.items()):
        colour = COLOURS[place % len(COLOURS)]
        points = " ".join(f"{x(share):.1f},{y(value):.1f}" for share, value in _steps(buckets))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        legend = bottom + 44 + 20 * place
        parts.append(f'<rect x="{left}" y="{legend - 10}" width="14" height="10" fill="{colour}"/>')
        parts.append(_line_of_text(left + 22, legend, name))
    return _document(bottom + 40 + 20 * len(series), parts)


def _steps(buckets: Sequence[tuple[float, int]]) -> Iterator[tuple[float, float]]:
    """Yield the share of values before each bucket, and the upper end of the bucket."""
    total, before = sum(count for _, count in buckets), 0
    for end, count in buckets:
        yield before / total, end
        before += count
        yield before / total, end


def _document(height: float, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" role="img">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="#ffffff"/>', *parts, "</svg>"]) + "\n"


def _line_of_text(x: float, y: float, text: str, *, anchor: str = "start", weight: int = 400) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}"'
    return f"<text {place} {_TEXT}>{escape(text)}</text>"


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#d9dee2"/>'
