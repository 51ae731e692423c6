"""Calls of journal scripts that are made within one turn of the event loop travel together.

Most of what a call costs the worker is the way to a connection and back. So a call waits for the end of the turn, and
all that have come by then go out as one pipeline, unless enough are under way (decision 0032).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Final, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from trunkline_client.scripts import Script, is_forgotten

#: The first call of a batch waits for the answer to the last: a script holds Redis for about 70 us, so 64 for 5 ms.
MOST_CALLS: Final = 64
#: Batches under way, each on a connection of its own. While all are, calls gather, and the next batch is larger: with 8
#: of them a job took 5% more CPU. A batch that finds a dead connection holds up its own calls only.
MOST_BATCHES: Final = 4
#: How long batches that were given up may take to end.
_END_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Call:
    script: Script
    command: tuple[str | int, ...]
    answer: asyncio.Future[Any]

    def settle(self, answer: object) -> None:
        """Hand the answer to the caller, if it still waits."""
        if self.answer.done():
            return
        if isinstance(answer, Exception):
            self.answer.set_exception(answer)
        else:
            self.answer.set_result(answer)


def _settle_all(calls: Sequence[_Call], answer: object) -> None:
    for call in calls:
        call.settle(answer)


class Calls(Protocol):
    """Calls scripts."""

    async def call(self, script: Script, keys: Sequence[str], args: Sequence[str | int]) -> Any:
        """Return what the script answers."""

    async def aclose(self) -> None:
        """Give up the calls under way."""


class ScriptCalls:
    """Calls scripts in shared pipelines; for one event loop.

    The scripts must be safe to repeat with equal arguments. Calls that are made side by side run in any order.
    """

    def __init__(self, redis: Redis, *, most_calls: int = MOST_CALLS, most_batches: int = MOST_BATCHES) -> None:
        """Call scripts over `redis`.

        Args:
            redis: a client whose pool has a connection for every batch.
            most_calls: how many calls a batch holds.
            most_batches: how many batches are under way at a time.
        """
        self._redis = redis
        self._most_calls = most_calls
        self._most_batches = most_batches
        self._waiting: deque[_Call] = deque()
        self._batches: set[asyncio.Task[None]] = set()
        self._is_flush_due = False

    async def call(self, script: Script, keys: Sequence[str], args: Sequence[str | int]) -> Any:
        """Return what the script answers.

        A caller that is cancelled stops waiting; its call may have run, and those it travels with are not touched.

        Raises:
            RedisError: the script failed, which concerns no other call, or Redis was away for the whole batch.
        """
        loop = asyncio.get_running_loop()
        command = ("EVALSHA", script.sha, len(keys), *keys, *args)
        call = _Call(script, command, loop.create_future())
        self._waiting.append(call)
        if not self._is_flush_due:
            self._is_flush_due = True
            # in a context of its own: a batch belongs to no one job's log lines and spans
            loop.call_soon(self._flush, context=Context())
        return await call.answer

    async def aclose(self) -> None:
        """Give up what waits and what is under way, before the client is closed."""
        for call in self._waiting:
            call.answer.cancel()
        self._waiting.clear()
        for batch in self._batches:
            batch.cancel()
        if self._batches:
            await asyncio.wait(self._batches, timeout=_END_S)

    def _flush(self) -> None:
        """Send what waits, as far as batches may be under way."""
        self._is_flush_due = False
        while self._waiting and len(self._batches) < self._most_batches:
            batch = self._take()
            if batch:
                task = asyncio.get_running_loop().create_task(self._run(batch))
                self._batches.add(task)
                task.add_done_callback(self._ended)

    def _take(self) -> list[_Call]:
        count = min(self._most_calls, len(self._waiting))
        calls = (self._waiting.popleft() for _ in range(count))
        return [call for call in calls if not call.answer.done()]  # without those that were cancelled meanwhile

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._batches.discard(task)
        self._flush()

    async def _run(self, batch: list[_Call]) -> None:
        try:
            await self._send(batch)
        except RedisError as error:
            _settle_all(batch, error)
        except Exception as error:  # noqa: BLE001 -- it goes to the callers
            if len(batch) == 1:
                _settle_all(batch, error)
            else:
                # An answer that cannot be decoded ends the pipeline, and does not tell whose it is.
                for call in batch:
                    await self._run([call])
        except asyncio.CancelledError:
            for call in batch:
                call.answer.cancel()
            raise

    async def _send(self, batch: list[_Call]) -> None:
        forgotten = []
        for call, answer in zip(batch, await self._answers(batch), strict=True):
            if is_forgotten(answer):
                forgotten.append(call)
            else:
                call.settle(answer)
        if not forgotten:
            return
        for script in {call.script for call in forgotten}:
            await self._redis.script_load(script.text)
        for call, answer in zip(forgotten, await self._answers(forgotten), strict=True):
            call.settle(answer)

    async def _answers(self, batch: list[_Call]) -> list[Any]:
        pipeline = self._redis.pipeline(transaction=False)
        for call in batch:
            pipeline.execute_command(*call.command)
        return await pipeline.execute(raise_on_error=False)
