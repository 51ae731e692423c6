from __future__ import annotations

import asyncio

import pytest

from senders.recent import Joined, Recent


def test_a_replaced_value_weighs_what_it_weighs_now() -> None:
    recent: Recent[str, str] = Recent(10, len)
    recent.put("a", "four")
    recent.put("a", "sixsix")
    recent.put("b", "four")

    assert (recent.weight, recent.get("a"), recent.get("b")) == (10, "sixsix", "four")


def test_many_light_values_make_way_for_a_heavy_one() -> None:
    recent: Recent[int, str] = Recent(10, len)
    for key in range(10):
        recent.put(key, "x")
    recent.put(10, "x" * 8)

    assert (len(recent), recent.weight) == (3, 10)
    assert recent.get(8) == "x"
    assert recent.get(7) is None


async def test_work_that_failed_is_done_again_for_the_next_who_asks() -> None:
    joined: Joined[str, int] = Joined()
    answers: list[OSError | int] = [OSError("gone"), 1]

    async def work() -> int:
        await asyncio.sleep(0)
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    with pytest.raises(OSError, match="gone"):
        await joined.get("a", work)
    assert await asyncio.gather(*(joined.get("a", work) for _ in range(3))) == [1, 1, 1]
