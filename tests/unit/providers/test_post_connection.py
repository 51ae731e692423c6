"""What a connection makes of an answer, however the network cuts it into parts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.departure import Departure
from providers.post_connection import Answer, Connection, End, Limits

BODY = b'{"sid": "SM1"}'
LENGTH = b"HTTP/1.1 201 Created\r\nX-Empty:\r\nContent-Length: 14\r\n\r\n" + BODY
#: each ends by its own framing with status 201 and `BODY`.
FRAMED = [
    LENGTH,
    LENGTH.replace(b"HTTP/1.1", b"HTTP/1.0"),
    LENGTH.replace(b"X-Empty:", b"Connection: close"),
    LENGTH.replace(b"X-Empty:", b"Connection: Upgrade\r\nUpgrade: h2c"),
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + LENGTH,
    b'HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\n{"sid\r\n9\r\n": "SM1"}\r\n0\r\nX: y\r\n\r\n',
]


class Socket(asyncio.Transport):
    """Takes everything at once."""

    def __init__(self) -> None:
        super().__init__()
        self.is_aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def abort(self) -> None:
        self.is_aborted = True

    def is_closing(self) -> bool:
        return self.is_aborted

    def get_write_buffer_size(self) -> int:
        return 0


@dataclass
class Played:
    """How an exchange ended."""

    end: End
    is_kept: bool


async def _play(parts: Iterable[bytes]) -> Played:
    """Return what these parts and then the end of the connection amount to."""
    resting: list[Connection] = []
    socket = Socket()
    connection = Connection(Limits(60, 60, 1 << 20), rest=resting.append, forget=lambda _: None)
    connection.connection_made(socket)
    waiter = connection.exchange(b"POST", Departure())
    for part in parts:
        if waiter.done():
            break
        connection.data_received(part)
    is_kept = bool(resting) and not socket.is_aborted
    connection.connection_lost(None)
    return Played(await waiter, is_kept)


def play(parts: Iterable[bytes]) -> Played:
    return asyncio.run(_play(parts))


def cut(data: bytes, places: Iterable[int]) -> Iterator[bytes]:
    for start, end in pairwise([0, *sorted({place % len(data) for place in places} - {0}), len(data)]):
        yield data[start:end]


@given(st.sampled_from(FRAMED), st.lists(st.integers(0, 300), max_size=20))
def test_an_answer_is_the_same_however_it_is_cut_into_parts(answer: bytes, places: list[int]) -> None:
    played, whole = play(cut(answer, places)), play([answer])
    assert isinstance(played.end, Answer)
    assert (played.end.status, played.end.body) == (201, BODY)
    assert played == whole


@pytest.mark.parametrize("answer", FRAMED)
def test_no_part_of_an_answer_is_taken_for_the_whole(answer: bytes) -> None:
    for length in range(len(answer)):
        played = play([answer[:length]])
        assert isinstance(played.end, httpx.RemoteProtocolError)
        assert not played.is_kept


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 14\r\nContent-Length: 14",
        b"Content-Length: 14\r\nContent-Length: 3",
        b"Content-Length: 14, 14",
        b"Content-Length: +14",
        b"Content-Length: -1",
        b"Content-Length: 99999999999999999999",
        b"Content-Length : 14",
        b"Content-Length: 14\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 14",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding: gzip",
        b"X: a\r\n b\r\nContent-Length: 14",
        b"X: a\x00b\r\nContent-Length: 14",
        b"X: a\rContent-Length: 14",
    ],
)
def test_an_answer_whose_end_can_be_read_in_two_ways_is_none(framing: bytes) -> None:
    played = play([b"HTTP/1.1 201 Created\r\n" + framing + b"\r\n\r\n" + BODY])
    assert isinstance(played.end, httpx.RemoteProtocolError)
    assert not played.is_kept
