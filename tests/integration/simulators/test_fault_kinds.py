"""Every kind of fault over real sockets, seen by a client of its own."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from providers.simulators.default_world import FULL_SID, LOCAL_NUMBER, SYNIVERSE_TOKEN, TWILIO_TOKEN
from providers.simulators.faults import Delay, FaultKind, FaultPlan
from tests.support.simulator import Simulator

pytestmark = pytest.mark.integration

MESSAGES = f"/2010-04-01/Accounts/{FULL_SID}/Messages.json"
SMS = {"To": "+12015550123", "From": LOCAL_NUMBER, "Body": "Hello"}


@pytest.fixture
def twilio(simulators: Simulator) -> Iterator[httpx.Client]:
    auth = (FULL_SID, TWILIO_TOKEN)
    with httpx.Client(base_url=simulators.base_url, auth=auth, timeout=10, trust_env=False) as client:
        yield client


def arm(simulators: Simulator, kind: FaultKind, **fields: Any) -> None:
    simulators.control.arm(FaultPlan(kind=kind, **fields))


def faults_in_ledger(simulators: Simulator) -> list[str | None]:
    return [entry.fault for entry in simulators.control.ledger().entries]


BROKEN = [
    (FaultKind.HANG, httpx.ReadTimeout),
    (FaultKind.RESET, httpx.ReadError),
    (FaultKind.CLOSE, httpx.RemoteProtocolError),
    (FaultKind.NOT_HTTP, httpx.RemoteProtocolError),
    (FaultKind.CUT_OFF, httpx.RemoteProtocolError),
    (FaultKind.CUT_OFF_BY_RESET, httpx.ReadError),
]


@pytest.mark.parametrize("accept_first", [False, True])
@pytest.mark.parametrize(("kind", "error"), BROKEN)
def test_a_broken_answer_leaves_a_trace_only_if_the_message_was_accepted_first(
    simulators: Simulator, twilio: httpx.Client, kind: FaultKind, error: type[Exception], accept_first: bool
) -> None:
    arm(simulators, kind, accept_first=accept_first)
    with pytest.raises(error):
        twilio.post(MESSAGES, data=SMS, timeout=1 if kind is FaultKind.HANG else 10)
    assert faults_in_ledger(simulators) == ([kind.value] if accept_first else [])


@pytest.mark.parametrize("accept_first", [False, True])
def test_any_status_and_code_can_be_answered_before_and_after_accepting(
    simulators: Simulator, twilio: httpx.Client, accept_first: bool
) -> None:
    arm(simulators, FaultKind.ANSWER, status=503, code=20503, accept_first=accept_first)
    answer = twilio.post(MESSAGES, data=SMS)
    assert (answer.status_code, answer.json()["code"]) == (503, 20503)
    assert faults_in_ledger(simulators) == (["answer"] if accept_first else [])


@pytest.mark.parametrize("retry_after_s", [None, 7])
def test_a_429_may_say_when_to_come_back(
    simulators: Simulator, twilio: httpx.Client, retry_after_s: int | None
) -> None:
    arm(simulators, FaultKind.ANSWER, status=429, code=20429, retry_after_s=retry_after_s)
    answer = twilio.post(MESSAGES, data=SMS)
    assert answer.status_code == 429
    assert answer.headers.get("Retry-After") == (None if retry_after_s is None else "7")


def test_syniverse_words_the_same_fault_its_own_way(simulators: Simulator) -> None:
    arm(simulators, FaultKind.ANSWER, provider="syniverse", status=503, code=5030, message="Busy")
    answer = httpx.get(
        f"{simulators.syniverse_url}/messaging/channels",
        headers={"Authorization": f"Bearer {SYNIVERSE_TOKEN}"},
        trust_env=False,
    )
    assert answer.status_code == 503
    assert answer.json() == {"error_code": "SCG_ERROR_5030", "error_description": "Busy"}


def test_junk_is_no_json(simulators: Simulator, twilio: httpx.Client) -> None:
    arm(simulators, FaultKind.JUNK, status=201)
    answer = twilio.post(MESSAGES, data=SMS)
    assert (answer.status_code, answer.headers["Content-Type"]) == (201, "text/html")


def test_a_huge_answer_has_the_size_asked_for(simulators: Simulator, twilio: httpx.Client) -> None:
    arm(simulators, FaultKind.HUGE, status=201, size_bytes=3_000_001)
    assert len(twilio.post(MESSAGES, data=SMS).content) == 3_000_001


def test_a_slow_body_arrives_whole_in_the_end(simulators: Simulator, twilio: httpx.Client) -> None:
    arm(simulators, FaultKind.SLOW_BODY, accept_first=True, delay=Delay(0.0001))
    assert twilio.post(MESSAGES, data=SMS).json()["status"] == "queued"


def test_a_slow_body_outlasts_an_impatient_caller(simulators: Simulator, twilio: httpx.Client) -> None:
    arm(simulators, FaultKind.SLOW_BODY, accept_first=True, delay=Delay(3600))
    with pytest.raises(httpx.ReadTimeout):
        twilio.post(MESSAGES, data=SMS, timeout=1)


def test_a_connection_can_be_reset_before_anything_is_read(simulators: Simulator, twilio: httpx.Client) -> None:
    arm(simulators, FaultKind.RESET_ON_CONNECT, times=1)
    # Not by httpx: it passes over a write that meets the reset, and then the reading finds an end like any other.
    address = (twilio.base_url.host, twilio.base_url.port)
    with pytest.raises(ConnectionResetError), socket.create_connection(address, timeout=10) as caller:
        caller.recv(1)
    assert twilio.post(MESSAGES, data=SMS).status_code == 201


@pytest.mark.parametrize(("accept_first", "faults"), [(False, []), (True, ["delay"])])
def test_a_delay_falls_before_or_after_the_acceptance(
    simulators: Simulator, twilio: httpx.Client, accept_first: bool, faults: list[str]
) -> None:
    arm(simulators, FaultKind.DELAY, delay=Delay(3600), accept_first=accept_first)
    with pytest.raises(httpx.ReadTimeout):
        twilio.post(MESSAGES, data=SMS, timeout=1)
    assert faults_in_ledger(simulators) == faults


def test_an_accepted_message_can_stay_out_of_the_lists_for_a_while(simulators: Simulator, twilio: httpx.Client) -> None:
    arm(simulators, FaultKind.LATE_LISTING, delay=Delay(3600), times=1)
    hidden = twilio.post(MESSAGES, data=SMS).json()["sid"]
    shown = twilio.post(MESSAGES, data=SMS).json()["sid"]
    listed = [message["sid"] for message in twilio.get(MESSAGES).json()["messages"]]
    assert listed == [shown]
    assert [entry.provider_id for entry in simulators.control.ledger().entries] == [hidden, shown]


def test_a_fault_limited_to_some_requests_spares_the_next(simulators: Simulator, twilio: httpx.Client) -> None:
    arm(simulators, FaultKind.ANSWER, status=500, code=20500, times=2, recipient="+12015550123")
    statuses = [twilio.post(MESSAGES, data=SMS).status_code for _ in range(3)]
    other = twilio.post(MESSAGES, data=SMS | {"To": "+12015550124"}).status_code
    assert (statuses, other) == ([500, 500, 201], 201)
