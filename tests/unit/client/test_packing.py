"""Commands packed in C are the commands that redis-py packs."""

from __future__ import annotations

from typing import Any

import pytest
import redis.asyncio
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import DataError

from trunkline_client import packing
from trunkline_client.failover import AsyncConnection

_OURS, _THEIRS = AsyncConnection(host="nowhere"), redis.asyncio.Connection(host="nowhere")
_VALUES = st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.binary(), st.integers(), st.floats())


@given(st.lists(_VALUES, max_size=6), st.sampled_from(["EVALSHA", "SCRIPT LOAD", b"GET"]))
def test_a_command_is_packed_as_redis_py_packs_it(arguments: list[Any], name: str | bytes) -> None:
    assert b"".join(_OURS.pack_command(name, *arguments)) == b"".join(_THEIRS.pack_command(name, *arguments))


@pytest.mark.parametrize("value", [None, True, ["a"]])
def test_a_value_of_no_known_kind_is_refused_in_redis_pys_own_words(value: object) -> None:
    with pytest.raises(DataError, match="Invalid input of type"):
        _OURS.pack_command("SET", "key", value)


def test_without_hiredis_redis_py_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_in_c", None)

    assert b"".join(_OURS.pack_command("GET", "key")) == b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"
