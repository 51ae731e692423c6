"""Script calls that share pipelines: who gets which answer, and whom an error concerns."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ResponseError

from tasks.script_calls import ScriptCalls
from trunkline_client.scripts import Script

ONE, OTHER = Script("one", "return 1", "sha-of-one"), Script("other", "return 2", "sha-of-other")
Answer = Callable[[tuple[Any, ...]], Any]


async def _at_once() -> None:
    """A server that does not keep anybody waiting."""


def _echo(command: tuple[Any, ...]) -> Any:
    return command[-1]


@dataclass
class FakeRedis:
    """Answers each command of a pipeline by a function; what that raises ends the pipeline, as with redis-py."""

    answer: Answer = _echo
    loaded: list[str] = field(default_factory=list)
    sent: list[list[tuple[Any, ...]]] = field(default_factory=list)
    before_answer: Callable[[], Awaitable[None]] = _at_once
    under_way: int = 0
    most_under_way: int = 0

    def pipeline(self, *, transaction: bool) -> FakePipeline:
        assert not transaction
        return FakePipeline(self)

    async def script_load(self, text: str) -> str:
        self.loaded.append(text)
        return ""

    def calls(self, **bounds: int) -> ScriptCalls:
        return ScriptCalls(cast("Redis", self), **bounds)

    @property
    def sizes(self) -> list[int]:
        return [len(batch) for batch in self.sent]


@dataclass
class FakePipeline:
    redis: FakeRedis
    commands: list[tuple[Any, ...]] = field(default_factory=list)

    def execute_command(self, *command: Any) -> None:
        self.commands.append(command)

    async def execute(self, *, raise_on_error: bool) -> list[Any]:
        assert not raise_on_error
        redis = self.redis
        redis.sent.append(self.commands)
        redis.under_way += 1
        redis.most_under_way = max(redis.most_under_way, redis.under_way)
        try:
            await redis.before_answer()
            return [redis.answer(command) for command in self.commands]
        finally:
            redis.under_way -= 1


async def _all(calls: ScriptCalls, *arguments: Any) -> list[Any]:
    return await asyncio.gather(*(calls.call(ONE, ["key"], [one]) for one in arguments), return_exceptions=True)


def _until(event: asyncio.Event) -> Callable[[], Awaitable[None]]:
    async def wait() -> None:
        await event.wait()

    return wait


async def _turns() -> None:
    """Let everything that can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_calls_of_one_turn_go_out_together_and_each_gets_its_own_answer() -> None:
    redis = FakeRedis()

    assert await _all(redis.calls(), 1, 2, 3) == [1, 2, 3]
    assert redis.sent == [[("EVALSHA", "sha-of-one", 1, "key", one) for one in (1, 2, 3)]]


async def test_a_call_alone_waits_for_nobody() -> None:
    redis = FakeRedis()
    calls = redis.calls()

    assert [await calls.call(ONE, [], ["a"]), await calls.call(ONE, [], ["b"])] == ["a", "b"]
    assert redis.sizes == [1, 1]


async def test_a_batch_holds_so_many_calls_and_no_more() -> None:
    redis = FakeRedis()

    assert await _all(redis.calls(most_calls=4), *range(10)) == list(range(10))
    assert redis.sizes == [4, 4, 2]


async def test_so_many_batches_are_under_way_and_no_more() -> None:
    redis = FakeRedis(before_answer=lambda: asyncio.sleep(0))

    assert await _all(redis.calls(most_calls=2, most_batches=3), *range(20)) == list(range(20))
    assert redis.most_under_way == 3


async def test_calls_gather_while_all_batches_are_under_way() -> None:
    release = asyncio.Event()
    redis = FakeRedis(before_answer=_until(release))
    calls = redis.calls(most_batches=1)
    waiting = []
    for one in range(5):
        waiting.append(asyncio.create_task(calls.call(ONE, [], [one])))
        await _turns()

    release.set()

    assert await asyncio.gather(*waiting) == [0, 1, 2, 3, 4]
    assert redis.sizes == [1, 4]


async def test_an_error_of_one_script_concerns_its_caller_alone() -> None:
    redis = FakeRedis(answer=lambda command: ResponseError("damaged") if command[-1] == 2 else command[-1])

    first, second, third = await _all(redis.calls(), 1, 2, 3)

    assert (first, third) == (1, 3)
    assert isinstance(second, ResponseError)


async def test_a_server_that_is_away_fails_the_batch_and_not_the_next_one() -> None:
    def away(command: tuple[Any, ...]) -> Any:
        if len(redis.sent) == 1:
            raise RedisConnectionError("away")
        return command[-1]

    redis = FakeRedis(answer=away)
    calls = redis.calls()

    assert [type(answer) for answer in await _all(calls, 1, 2)] == [RedisConnectionError, RedisConnectionError]
    assert await _all(calls, 3, 4) == [3, 4]


async def test_an_answer_that_cannot_be_decoded_concerns_its_caller_alone() -> None:
    def damaged(command: tuple[Any, ...]) -> Any:
        if command[-1] == 2:
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "damaged")
        return command[-1]

    first, second, third = await _all(FakeRedis(answer=damaged).calls(), 1, 2, 3)

    assert (first, third) == (1, 3)
    assert isinstance(second, UnicodeDecodeError)


async def test_scripts_a_server_has_forgotten_are_loaded_once_and_only_their_calls_are_sent_again() -> None:
    redis = FakeRedis()
    redis.answer = lambda command: (
        NoScriptError() if command[1] == OTHER.sha and not redis.loaded else f"{command[1]} {command[-1]}"
    )
    calls = redis.calls()

    answers = await asyncio.gather(*(calls.call(script, [], [n]) for n, script in enumerate((ONE, OTHER, ONE, OTHER))))

    assert answers == ["sha-of-one 0", "sha-of-other 1", "sha-of-one 2", "sha-of-other 3"]
    assert redis.loaded == [OTHER.text]
    assert redis.sizes == [4, 2]


async def test_a_script_that_is_forgotten_again_at_once_is_an_error_of_its_callers() -> None:
    redis = FakeRedis(answer=lambda command: NoScriptError("again"))

    assert [type(answer) for answer in await _all(redis.calls(), 1)] == [NoScriptError]


async def test_a_caller_that_is_cancelled_takes_nobody_with_it() -> None:
    release = asyncio.Event()
    redis = FakeRedis(before_answer=_until(release))
    calls = redis.calls()
    leaving, staying = (asyncio.create_task(calls.call(ONE, [], [n])) for n in (1, 2))
    await _turns()
    assert redis.under_way == 1

    leaving.cancel()
    release.set()

    assert await staying == 2
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_a_call_that_is_cancelled_before_it_went_out_is_not_sent() -> None:
    redis = FakeRedis()
    calls = redis.calls()
    leaving, staying = (asyncio.create_task(calls.call(ONE, [], [n])) for n in (1, 2))
    asyncio.get_running_loop().call_soon(leaving.cancel)

    assert await staying == 2
    assert [[command[-1] for command in batch] for batch in redis.sent] == [[2]]


async def test_closing_gives_up_what_waits_and_what_is_under_way() -> None:
    redis = FakeRedis(before_answer=_until(asyncio.Event()))
    calls = redis.calls(most_calls=1, most_batches=1)
    callers = [asyncio.create_task(calls.call(ONE, [], [n])) for n in (1, 2)]
    await _turns()
    assert redis.under_way == 1

    await calls.aclose()

    answers = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(answer) for answer in answers] == [asyncio.CancelledError] * 2
    assert redis.sizes == [1]
