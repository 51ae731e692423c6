"""What `status` makes of a record; reading a hash needs no more than something shaped like Redis."""

from __future__ import annotations

import json
from typing import Any

import fakeredis
import pytest

from trunkline_client import AsyncTrunkline, Trunkline, keys

FIRST = {"id": "job-1.a1", "sender": "own", "provider": "twilio", "account": "AC1", "origin": "88022"}
SECOND = {"id": "job-1.a2", "sender": "other", "provider": "syniverse", "account": "other"}
RECORD: Any = {
    "v": "1",
    "tenant": "acme",
    "state": "sent",
    "content": 'plain:{"to":"+12015550123","body":"Your code is 493817"}',
    "attempts": "2",
    "attempt:1": json.dumps(
        {"id": "job-1.a1", "sender": "own", "provider": "twilio", "account": "AC1", "origin": "88022"}
    ),
    "result:1": json.dumps({"outcome": "refused", "fault": "geo", "code": "21408"}),
    "attempt:2": json.dumps(SECOND),
    "sender": "other",
    "provider": "syniverse",
    "account": "other",
    "provider_id": "m-1",
    "maybe_twice": "1",
}


@pytest.fixture
def server() -> fakeredis.FakeServer:
    server = fakeredis.FakeServer()
    fakeredis.FakeRedis(server=server).hset(keys.job("job-1"), mapping=RECORD)
    return server


def test_a_record_is_told_without_anything_private(server: fakeredis.FakeServer) -> None:
    status = Trunkline(redis=fakeredis.FakeRedis(server=server, decode_responses=True)).status("job-1")

    assert status is not None
    assert (status["state"], status["account"], status["maybe_twice"], status["maybe_sent"]) == (
        "sent",
        "other",
        True,
        False,
    )
    assert status["attempts"][0]["number"] == "88022"
    assert "493817" not in str(status)


def test_an_attempt_that_is_still_open_has_no_outcome(server: fakeredis.FakeServer) -> None:
    status = Trunkline(redis=fakeredis.FakeRedis(server=server, decode_responses=True)).status("job-1")

    assert status is not None
    assert status["attempts"][1]["outcome"] is None


def test_an_unknown_job_has_no_status(server: fakeredis.FakeServer) -> None:
    assert Trunkline(redis=fakeredis.FakeRedis(server=server, decode_responses=True)).status("nobody") is None


@pytest.mark.parametrize("decodes", [True, False])
async def test_a_client_reads_the_same_from_any_redis_client(server: fakeredis.FakeServer, decodes: bool) -> None:
    redis = fakeredis.FakeAsyncRedis(server=server, decode_responses=decodes)

    status = await AsyncTrunkline(redis=redis).status("job-1")

    assert status is not None
    assert status["provider_id"] == "m-1"
    await redis.aclose()
