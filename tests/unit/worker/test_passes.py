"""Synchronous code that waits for coroutines on the loop it runs on."""

from __future__ import annotations

import asyncio
import contextvars

import pytest

from worker.passes import is_in_pass, run_pass, wait_for

SEEN: contextvars.ContextVar[str] = contextvars.ContextVar("seen", default="outside")


async def answer(value: str) -> str:
    """Return `value` after a turn of the loop."""
    await asyncio.sleep(0)
    return value


async def test_a_function_goes_on_with_what_it_waited_for() -> None:
    assert await run_pass(lambda: wait_for(answer("a")) + wait_for(answer("b"))) == "ab"


async def test_a_function_that_waits_for_nothing_just_runs() -> None:
    assert await run_pass(lambda: "done") == "done"


async def test_an_error_is_raised_where_the_function_waits() -> None:
    async def fail() -> None:
        raise ValueError("no")

    def careful() -> str:
        try:
            wait_for(fail())
        except ValueError as error:
            return f"caught {error}"
        return "not raised"

    assert await run_pass(careful) == "caught no"


async def test_an_error_of_the_function_reaches_who_runs_it() -> None:
    def careless() -> None:
        wait_for(answer("a"))
        raise KeyError("b")

    with pytest.raises(KeyError):
        await run_pass(careless)


async def test_functions_wait_side_by_side() -> None:
    arrived, everybody = 0, asyncio.Event()

    async def arrive() -> None:
        nonlocal arrived
        arrived += 1
        if arrived == 100:
            everybody.set()
        await everybody.wait()

    await asyncio.gather(*(run_pass(lambda: wait_for(arrive())) for _ in range(100)))

    assert arrived == 100


async def test_a_cancellation_arrives_where_the_function_waits() -> None:
    ended = []

    def function() -> str:
        try:
            wait_for(asyncio.sleep(3600))
        except asyncio.CancelledError:
            ended.append("cancelled")
        return "put back"

    task = asyncio.create_task(run_pass(function))
    await asyncio.sleep(0)
    task.cancel()

    assert await task == "put back"
    assert ended == ["cancelled"]


async def test_what_a_function_sets_in_its_context_stays_with_it() -> None:
    def function(name: str) -> str:
        SEEN.set(name)
        wait_for(answer(""))
        return SEEN.get()

    names = await asyncio.gather(*(run_pass(lambda name=name: function(name)) for name in "abc"))  # type: ignore[misc]

    assert names == ["a", "b", "c"]
    assert SEEN.get() == "outside"


async def test_what_is_awaited_sees_the_context_of_the_function() -> None:
    async def seen() -> str:
        return SEEN.get()

    def function() -> str:
        SEEN.set("inside")
        return wait_for(seen())

    assert await asyncio.create_task(run_pass(function)) == "inside"


def test_nothing_else_can_wait() -> None:
    awaitable = answer("a")

    assert not is_in_pass()
    with pytest.raises(RuntimeError, match="only a function"):
        wait_for(awaitable)
    awaitable.close()
