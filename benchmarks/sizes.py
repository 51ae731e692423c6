"""How much is measured: a glance, the default, or what the numbers in docs/performance.md come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything is measured.

    Attributes:
        name: what the option is called.
        rounds: how often each way is measured, in turns; the median counts.
        single: how many single jobs a way sends in a round.
        seconds: how long a way is repeated where its rounds are not counted.
        queued: how many jobs are queued beside a few.
        concurrency: how many jobs the worker works on at a time.
    """

    name: str
    rounds: int
    single: int
    seconds: float
    queued: int
    concurrency: int = 200


QUICK: Final = Size("quick", rounds=1, single=600, seconds=1.0, queued=10_000)
DEFAULT: Final = Size("default", rounds=3, single=2_000, seconds=3.0, queued=100_000)
FULL: Final = Size("full", rounds=5, single=10_000, seconds=3.0, queued=1_000_000)
SIZES: Final = {size.name: size for size in (QUICK, DEFAULT, FULL)}
