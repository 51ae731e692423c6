"""Runs coroutines that never wait, without an event loop: for tests that take thousands of small steps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from redis import Redis
from redis.client import Pipeline

from tests.support.journal import TextRedis
from trunkline_client.scripts import Script

Answer = TypeVar("Answer")


class _ImmediateRedis:
    """A blocking client that is used like an asyncio one; a step costs a fifth of what it does on an event loop."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    def register_script(self, text: str) -> Callable[..., Awaitable[Any]]:
        """Return the script, to be awaited."""
        return _awaitable(self._client.register_script(text))

    def pipeline(self, *, transaction: bool) -> _ImmediatePipeline:
        """Return a pipeline, which a script may take as its client."""
        return _ImmediatePipeline(self._client.pipeline(transaction=transaction))

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        return _awaitable(getattr(self._client, name))


class _ImmediatePipeline:
    """A pipeline whose execution is awaited."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.blocking = pipeline

    async def execute(self, *, raise_on_error: bool = True) -> list[Any]:
        """Return the answers."""
        return self.blocking.execute(raise_on_error=raise_on_error)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return getattr(self.blocking, name)  # type: ignore[no-any-return]


class ImmediateCalls:
    """Calls every script at once and alone, for a journal over an `immediate` client."""

    def __init__(self, redis: TextRedis) -> None:
        self._redis = redis

    async def call(self, script: Script, keys: Sequence[str], args: Sequence[str | int]) -> Any:
        """Return what the script answers."""
        return await self._redis.register_script(script.text)(keys=keys, args=args)

    async def aclose(self) -> None:
        """Nothing is ever under way."""


def immediate(client: Redis) -> TextRedis:
    """Return `client` for code that awaits its answers."""
    return _ImmediateRedis(client)


def run(work: Awaitable[Answer]) -> Answer:
    """Return what `work` returns; it may await nothing but an `immediate` client."""
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration as end:
        answer: Answer = end.value
        return answer
    raise AssertionError("it waits for something")


def _awaitable(call: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    async def awaited(*arguments: Any, **named: Any) -> Any:
        if isinstance(named.get("client"), _ImmediatePipeline):
            named["client"] = named["client"].blocking
        return call(*arguments, **named)

    return awaited
