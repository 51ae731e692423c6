"""When Python looks for garbage in a worker."""

from __future__ import annotations

import gc
from typing import Final

#: Python looks after 700 new containers; one job makes hundreds, and hardly any cycle: 20,000 tasks left 100 objects.
_NEW_OBJECTS: Final = 10_000


def settle() -> None:
    """Leave what is loaded by now out of every later search, and search less often.

    A whole search among the 96,000 objects of a started worker, in which no job moves, took 240 ms on a busy machine,
    and takes no time without them. Together this saves 4% of the CPU of a job.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
