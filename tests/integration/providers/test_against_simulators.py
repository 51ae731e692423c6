"""The providers against the simulated ones: two readings of the same wire facts, over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from providers.faults import Fault, Outcome
from providers.protocol import (
    Account,
    AccountEmpty,
    AccountNotActive,
    Kind,
    LookupRequest,
    NumberType,
    Origin,
    OriginType,
    WrongCredentials,
)
from providers.registry import Endpoints, Providers
from providers.simulators.default_world import (
    EMPTY_SID,
    FULL_SID,
    LOCAL_NUMBER,
    SERVICE_SID,
    SUSPENDED_SID,
    SYNIVERSE_TOKEN,
    TRIAL_SID,
    TWILIO_TOKEN,
)
from providers.simulators.faults import FaultKind, FaultPlan
from tests.support.provider_samples import CHANNEL, lookup, sms, voice
from tests.support.simulator import Simulator, simulator
from trunkline_client.private import Token
from trunkline_client.words import Channel

pytestmark = pytest.mark.integration

FULL = Account(Kind.TWILIO, Token(TWILIO_TOKEN), account_sid=FULL_SID)
SERVICE = replace(FULL, kind=Kind.TWILIO_MESSAGING_SERVICE, messaging_service_sid=SERVICE_SID)
SYNIVERSE = Account(Kind.SYNIVERSE, Token(SYNIVERSE_TOKEN))
NUMBER = Origin(OriginType.NUMBER, LOCAL_NUMBER)
OF_SERVICE = Origin(OriginType.MESSAGING_SERVICE, SERVICE_SID)
SMS_BY_EACH = [(FULL, NUMBER), (SERVICE, OF_SERVICE), (SYNIVERSE, CHANNEL)]
VOICE_BY_EACH = [(FULL, NUMBER), (SYNIVERSE, CHANNEL)]


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with simulator() as running:
        yield running


@pytest.fixture
def simulators(server: Simulator) -> Simulator:
    server.renew()
    return server


@pytest.fixture
async def providers(simulators: Simulator) -> AsyncIterator[Providers]:
    base = simulators.base_url
    opened = Providers(Endpoints(base, base, f"{base}/scg-external-api/api/v1"))
    yield opened
    await opened.aclose()


def kind_of(value: object) -> str:
    return value.kind.value if isinstance(value, Account) else ""


def question(channel: Channel, origin: Origin) -> LookupRequest:
    return replace(lookup(channel, origin), not_before=datetime.now(UTC) - timedelta(seconds=5))


@pytest.mark.parametrize(("account", "origin"), SMS_BY_EACH, ids=kind_of)
async def test_an_sms_is_accepted_and_found_again(providers: Providers, account: Account, origin: Origin) -> None:
    provider = providers.for_kind(account.kind)
    sent = await provider.send_sms(account, sms(origin))
    found = await provider.look_up(account, question(Channel.SMS, origin))
    assert sent.outcome is Outcome.ACCEPTED
    assert (found.good, found.candidates) == (True, (sent.provider_id,))


@pytest.mark.parametrize(("account", "origin"), VOICE_BY_EACH, ids=kind_of)
async def test_a_call_is_accepted_and_found_again(providers: Providers, account: Account, origin: Origin) -> None:
    provider = providers.for_kind(account.kind)
    sent = await provider.place_call(account, voice(origin))
    found = await provider.look_up(account, question(Channel.VOICE, origin))
    assert sent.outcome is Outcome.ACCEPTED
    assert (found.good, found.candidates) == (True, (sent.provider_id,))


async def test_a_message_of_a_trial_account_is_found_in_spite_of_its_prefix(providers: Providers) -> None:
    trial = replace(FULL, account_sid=TRIAL_SID)
    origin = Origin(OriginType.NUMBER, "+14155550101")
    provider = providers.for_kind(Kind.TWILIO)
    sent = await provider.send_sms(trial, sms(origin))
    found = await provider.look_up(trial, question(Channel.SMS, origin))
    assert sent.outcome is Outcome.ACCEPTED
    assert (found.good, found.candidates) == (True, (sent.provider_id,))


LOST = [FaultKind.RESET, FaultKind.CLOSE, FaultKind.NOT_HTTP, FaultKind.JUNK, FaultKind.HUGE, FaultKind.CUT_OFF]


@pytest.mark.parametrize(("account", "origin"), SMS_BY_EACH, ids=kind_of)
@pytest.mark.parametrize("kind", [*LOST, FaultKind.CUT_OFF_BY_RESET, FaultKind.ANSWER])
async def test_an_accepted_message_whose_answer_is_lost_is_unknown_and_found(
    simulators: Simulator, providers: Providers, account: Account, origin: Origin, kind: FaultKind
) -> None:
    simulators.control.arm(FaultPlan(kind=kind, accept_first=True, method="POST", times=1))
    provider = providers.for_kind(account.kind)
    sent = await provider.send_sms(account, sms(origin))
    found = await provider.look_up(account, question(Channel.SMS, origin))
    assert (sent.outcome, sent.provider_id) == (Outcome.UNKNOWN, None)
    assert (found.good, len(found.candidates)) == (True, 1)


@pytest.mark.parametrize(("account", "origin"), SMS_BY_EACH, ids=kind_of)
async def test_a_hanging_provider_is_unknown_at_the_deadline(
    simulators: Simulator, providers: Providers, account: Account, origin: Origin
) -> None:
    simulators.control.arm(FaultPlan(kind=FaultKind.HANG, method="POST"))
    sent = await providers.for_kind(account.kind).send_sms(account, replace(sms(origin), deadline_s=0.2))
    assert (sent.outcome, sent.code) == (Outcome.UNKNOWN, "deadline_passed")


@pytest.mark.parametrize(
    ("account", "origin", "code", "status", "fault"),
    [
        (FULL, NUMBER, 21610, 400, Fault.UNSUBSCRIBED),
        (FULL, NUMBER, 20429, 429, Fault.THROTTLED),
        (FULL, NUMBER, 20003, 401, Fault.AUTH),
        (SYNIVERSE, CHANNEL, "4046", 404, Fault.AUTH),
        (SYNIVERSE, CHANNEL, "4045", 404, Fault.GEO),
    ],
)
async def test_a_refusal_is_classified(
    simulators: Simulator,
    providers: Providers,
    account: Account,
    origin: Origin,
    code: int | str,
    status: int,
    fault: Fault,
) -> None:
    simulators.control.arm(FaultPlan(kind=FaultKind.ANSWER, method="POST", code=code, status=status))
    sent = await providers.for_kind(account.kind).send_sms(account, sms(origin))
    assert (sent.outcome, sent.fault, sent.code, sent.http_status) == (Outcome.REFUSED, fault, str(code), status)


async def test_a_number_of_nobody_is_a_number_fault(providers: Providers) -> None:
    stranger = Origin(OriginType.NUMBER, "+14155550177")
    twilio = providers.for_kind(Kind.TWILIO)
    results = [await twilio.send_sms(FULL, sms(stranger)), await twilio.place_call(FULL, voice(stranger))]
    assert [result.fault for result in results] == [Fault.NUMBER, Fault.NUMBER]


@pytest.mark.parametrize("account", [FULL, SERVICE], ids=kind_of)
async def test_an_account_is_verified_with_every_type_of_number(providers: Providers, account: Account) -> None:
    found = await providers.for_kind(account.kind).verify(account)
    assert found.name == "Example"
    assert {number.type for number in found.numbers} == set(NumberType)


async def test_a_syniverse_account_is_verified_with_channels_and_senders(providers: Providers) -> None:
    found = await providers.for_kind(Kind.SYNIVERSE).verify(SYNIVERSE)
    assert {number.number.split(":")[0] for number in found.numbers} == {"channel", "sender_id"}


@pytest.mark.parametrize(
    ("account", "error"),
    [
        (replace(FULL, token=Token("another")), WrongCredentials),
        (replace(FULL, account_sid="AC" + "f" * 32), WrongCredentials),
        (replace(FULL, account_sid=SUSPENDED_SID), AccountNotActive),
        (replace(FULL, account_sid=EMPTY_SID), AccountEmpty),
        (replace(SYNIVERSE, token=Token("another")), WrongCredentials),
    ],
    ids=["wrong token", "wrong SID", "suspended", "empty", "wrong access token"],
)
async def test_an_account_that_cannot_send_is_refused_for_its_reason(
    providers: Providers, account: Account, error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        await providers.for_kind(account.kind).verify(account)
    assert type(caught.value) is error
