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
        single: how many single jobs a worker sends in a round.
        bulk: how many jobs of campaigns.
        scale: how many jobs for each number of tenants, of queued jobs and of workers.
        tenants: how many tenants there are, the fewest first.
        queued: how many jobs are queued beside a few.
        rates: how many jobs arrive a second.
        latency_s: how long they arrive.
        quiet_s: how long the jobs of a quiet tenant arrive.
        latency_rounds: how often that is repeated; the latencies of all rounds count.
        flood: how many jobs another tenant has queued then.
        seconds: how long a way is repeated where its rounds are not counted.
        concurrency: how many jobs the worker works on at a time.
    """

    name: str
    rounds: int
    single: int
    bulk: int
    scale: int
    tenants: tuple[int, ...]
    queued: int
    rates: tuple[int, ...]
    latency_s: float
    quiet_s: float
    latency_rounds: int
    flood: int
    seconds: float
    concurrency: int = 200


QUICK: Final = Size(
    "quick",
    rounds=1,
    single=600,
    bulk=2_000,
    scale=500,
    tenants=(10, 200),
    queued=5_000,
    rates=(20, 100),
    latency_s=3,
    quiet_s=5,
    latency_rounds=1,
    flood=5_000,
    seconds=0.5,
)
DEFAULT: Final = Size(
    "default",
    rounds=3,
    single=1_500,
    bulk=6_000,
    scale=1_200,
    tenants=(10, 1_000),
    queued=100_000,
    rates=(20, 100, 300),
    latency_s=10,
    quiet_s=15,
    latency_rounds=1,
    flood=50_000,
    seconds=1.5,
)
FULL: Final = Size(
    "full",
    rounds=5,
    single=10_000,
    bulk=100_000,
    scale=5_000,
    tenants=(10, 1_000, 10_000),
    queued=1_000_000,
    rates=(20, 100, 300),
    latency_s=30,
    quiet_s=60,
    latency_rounds=2,
    flood=50_000,
    seconds=3.0,
)
SIZES: Final = {size.name: size for size in (QUICK, DEFAULT, FULL)}
