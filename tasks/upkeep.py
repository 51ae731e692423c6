"""The mover, the sweeper, the forgetter, the destroyer of secrets: loops that every worker runs, without a leader."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import structlog
from redis.exceptions import RedisError

from tasks.journal import Journal
from tasks.measures import NO_MEASURES, Loop, Measures
from tasks.retired import RetiredSecrets

#: 50 due jobs hold Redis for 2 ms; 200 took 8.
_MOVE_BATCH = 50
_SWEEP_BATCH = 100
_FORGET_BATCH = 100
#: A retry or lookup may be up to this late; the first retry after "later" is due within 0.5 s.
_MOVER_PERIOD_S = 0.1
#: While more are due: one worker moves about 6,000 jobs a second, and leaves Redis to others for most of it.
_MOVER_PAUSE_S = 0.005
_SWEEPER_PERIOD_S = 1.0
_FORGETTER_PERIOD_S = 1.0
#: While more is to be forgotten: 100 entries hold Redis for 1.5 ms, so one worker forgets about 8,000 jobs a second.
_FORGETTER_PAUSE_S = 0.01
#: between two batches while there are more
_SWEEPER_PAUSE_S = 0.02
_DESTROYER_PERIOD_S = 60.0
#: A nudge is missed when it is this old and older than everything left in its list.
_NUDGE_AGE_MS = 10_000
_AFTER_OUTAGE_S = 1.0

_log = structlog.get_logger("trunkline.upkeep")


async def run_mover(journal: Journal, measures: Measures = NO_MEASURES) -> None:
    """Bring due jobs into their lanes, for ever, until cancelled."""

    async def move() -> float:
        _, next_in_ms = await journal.move_due(_MOVE_BATCH)
        next_in_s = _MOVER_PERIOD_S if next_in_ms is None else next_in_ms / 1000
        return min(_MOVER_PERIOD_S, max(_MOVER_PAUSE_S, next_in_s))

    await _for_ever(Loop.MOVER, move, measures)


class Sweeper:
    """Puts back jobs whose place no longer holds them."""

    def __init__(self, journal: Journal, measures: Measures = NO_MEASURES) -> None:
        self._journal = journal
        self._measures = measures

    async def run(self) -> None:
        """Sweep for ever, until cancelled."""
        await _for_ever(Loop.SWEEPER, self._sweep_and_wait, self._measures)

    async def sweep(self) -> None:
        """Put back everything there is, in bounded batches with room for other commands between them."""
        put_back: Counter[str] = Counter()
        try:
            while True:
                swept = await self._journal.sweep(_SWEEP_BATCH, _NUDGE_AGE_MS)
                put_back.update(swept.put_back)
                self._measures.loop_turned(Loop.SWEEPER, answered=True)
                if not swept.has_more:
                    break
                await asyncio.sleep(_SWEEPER_PAUSE_S)
        finally:
            if put_back.total():
                self._measures.jobs_put_back(put_back)
                _log.warning("jobs.put_back", **put_back)

    async def _sweep_and_wait(self) -> float:
        await self.sweep()
        return _SWEEPER_PERIOD_S


async def run_forgetter(journal: Journal, measures: Measures = NO_MEASURES) -> None:
    """Take index entries of expired records away, for ever, until cancelled."""

    async def forget() -> float:
        taken = await journal.forget(_FORGET_BATCH)
        return _FORGETTER_PAUSE_S if taken == _FORGET_BATCH else _FORGETTER_PERIOD_S

    await _for_ever(Loop.FORGETTER, forget, measures)


async def run_destroyer(retired: RetiredSecrets, measures: Measures = NO_MEASURES) -> None:
    """Destroy secrets of deleted senders that nothing needs any more, for ever, until cancelled."""

    async def destroy() -> float:
        await retired.destroy_unneeded()
        return _DESTROYER_PERIOD_S

    await _for_ever(Loop.DESTROYER, destroy, measures)


async def _for_ever(loop: Loop, one_pass: Callable[[], Awaitable[float]], measures: Measures) -> None:
    """Repeat `one_pass`, which returns the pause after it in seconds; Redis outages are ridden out.

    Each outage is worth two lines, however long it is: one when it begins, and one when it is over.
    """
    is_interrupted = False
    while True:
        try:
            pause_s = await one_pass()
        except RedisError as error:
            if not is_interrupted:
                _log.warning("upkeep.interrupted", loop=loop.value, error=type(error).__name__)
            is_interrupted, pause_s = True, _AFTER_OUTAGE_S
            measures.loop_turned(loop, answered=False)
        else:
            if is_interrupted:
                _log.info("upkeep.resumed", loop=loop.value)
            is_interrupted = False
            measures.loop_turned(loop, answered=True)
        await asyncio.sleep(pause_s)
