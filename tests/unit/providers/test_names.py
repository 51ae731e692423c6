from __future__ import annotations

import asyncio
import socket

import pytest

from providers.names import Addresses, Names

FOUND: Addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443))]


class Resolver:
    """Answers when it is told to."""

    def __init__(self, *errors: OSError) -> None:
        self.asked: list[str] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._errors = list(errors)

    async def __call__(self, host: str, port: int) -> Addresses:
        self.asked.append(f"{host}:{port}")
        await self.may_answer.wait()
        if self._errors:
            raise self._errors.pop(0)
        return FOUND


async def test_many_who_ask_at_once_ask_once() -> None:
    resolver = Resolver()
    names = Names(resolver)
    assert await asyncio.gather(*(names.resolve("api.example", 443) for _ in range(20))) == [FOUND] * 20
    assert resolver.asked == ["api.example:443"]


@pytest.mark.parametrize(("kept_s", "asked"), [(60.0, 1), (0.0, 2)])
async def test_an_answer_is_kept_for_a_while(kept_s: float, asked: int) -> None:
    resolver = Resolver()
    names = Names(resolver, kept_s=kept_s)
    for _ in range(2):
        assert await names.resolve("api.example", 443) == FOUND
    assert len(resolver.asked) == asked


async def test_a_failure_is_not_kept() -> None:
    names = Names(Resolver(socket.gaierror("no such name")))
    with pytest.raises(socket.gaierror):
        await names.resolve("api.example", 443)
    assert await names.resolve("api.example", 443) == FOUND


async def test_who_gives_up_does_not_end_the_question_of_others() -> None:
    resolver = Resolver()
    resolver.may_answer.clear()
    names = Names(resolver)
    first, second = (asyncio.create_task(names.resolve("api.example", 443)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    resolver.may_answer.set()
    assert await second == FOUND
    assert resolver.asked == ["api.example:443"]
