from __future__ import annotations

import asyncio

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import StreamWriter

from providers.departure import Departure, DepartureRefused
from providers.transport import GuardedPayload


async def test_a_request_whose_connection_closed_in_time_has_not_left() -> None:
    loop = asyncio.get_running_loop()
    departure = Departure()
    departure.watch()
    closed = StreamWriter(BaseProtocol(loop), loop)
    with pytest.raises(DepartureRefused):
        await GuardedPayload(b"a=b", departure).write_with_length(closed, 3)
    assert not departure.may_have_left
