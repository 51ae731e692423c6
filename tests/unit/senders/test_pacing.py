from __future__ import annotations

from dataclasses import replace

import pytest

from providers.protocol import Kind, NumberType, Origin, OriginType
from senders.model import Number, Originator, Sender
from senders.pacing import UNPACED, Gate, Pacing, gates_of
from trunkline_client.private import Body
from trunkline_client.words import Channel

PACING = Pacing(
    concurrent_requests=100,
    calls_per_second=1,
    segments_per_second={NumberType.PHONE_NUMBER: 1, NumberType.TOLL_FREE: 3, NumberType.SHORT_CODE: 100},
)
BOTH = frozenset(Channel)
ACCOUNT = "AC" + "0" * 32
NUMBER = Number("+12015550100", NumberType.PHONE_NUMBER, BOTH)
TWILIO = Sender("own", Kind.TWILIO, "own", BOTH, "", account_sid=ACCOUNT, numbers=(NUMBER,))
SYNIVERSE = Sender("other", Kind.SYNIVERSE, "other", BOTH, "", originators=(Originator("channel:1KJP"),))
GATEWAY = Sender("gate", Kind.GATEWAY, "gate", BOTH, "", numbers=(NUMBER,))
REQUESTS = Gate(f"requests:{ACCOUNT}", 100)


def of(
    sender: Sender = TWILIO,
    number: Number | None = NUMBER,
    origin: Origin | None = None,
    channel: Channel = Channel.SMS,
    text: str = "Your code is 493817",
    pacing: Pacing = PACING,
) -> tuple[Gate, ...]:
    origin = origin or Origin(OriginType.NUMBER, number.number if number else "")
    return gates_of(
        pacing, tenant="acme", sender=sender, origin=origin, number=number, channel=channel, body=Body(text)
    )


@pytest.mark.parametrize(
    ("kind", "ms"), [(NumberType.PHONE_NUMBER, 1000), (NumberType.TOLL_FREE, 333.333), (NumberType.SHORT_CODE, 10)]
)
def test_a_message_keeps_its_number_busy_by_the_rate_of_its_type(kind: NumberType, ms: float) -> None:
    assert of(number=replace(NUMBER, type=kind)) == (Gate(f"segments:{ACCOUNT}:+12015550100", ms), REQUESTS)


def test_every_segment_counts() -> None:
    assert of(text="a" * 161)[0].need == 2000


def test_a_number_may_be_configured_to_take_more() -> None:
    assert of(number=replace(NUMBER, segments_per_second=10.0))[0].need == 100


def test_no_message_keeps_a_number_busy_for_longer_than_its_queue_holds() -> None:
    assert of(number=replace(NUMBER, segments_per_second=1e-300))[0].need == 36_000_000


def test_a_call_counts_against_the_account_and_not_against_the_number() -> None:
    assert of(channel=Channel.VOICE) == (Gate(f"calls:{ACCOUNT}", 1000), REQUESTS)


def test_a_sender_may_be_configured_to_take_more() -> None:
    sender = replace(TWILIO, concurrent_requests=7, calls_per_second=4.0)

    assert of(sender, channel=Channel.VOICE) == (Gate(f"calls:{ACCOUNT}", 250), Gate(f"requests:{ACCOUNT}", 7))


@pytest.mark.parametrize(
    ("sender", "origin"),
    [
        (TWILIO, Origin(OriginType.SENDER_ID, "ACME")),
        (replace(TWILIO, kind=Kind.TWILIO_MESSAGING_SERVICE), Origin(OriginType.MESSAGING_SERVICE, "MG1")),
    ],
)
def test_a_sender_id_and_a_messaging_service_have_no_gate_of_a_number(sender: Sender, origin: Origin) -> None:
    assert of(sender, None, origin) == (REQUESTS,)


@pytest.mark.parametrize(
    ("sender", "origin"),
    [
        (SYNIVERSE, Origin(OriginType.ORIGINATOR, "channel:1KJP")),
        (GATEWAY, Origin(OriginType.NUMBER, "+12015550100")),
        (replace(GATEWAY, numbers=()), Origin(OriginType.GATEWAY, "gate")),
    ],
)
@pytest.mark.parametrize("channel", Channel)
def test_another_provider_has_no_rate_that_nobody_configured(sender: Sender, origin: Origin, channel: Channel) -> None:
    number = NUMBER if origin.type is OriginType.NUMBER else None

    assert of(sender, number, origin, channel) == (Gate(f"requests:acme:{sender.key}", 100),)


def test_a_gateway_has_the_rates_it_is_configured_with() -> None:
    gateway = replace(GATEWAY, calls_per_second=2.0)
    name = "acme:gate"

    assert of(gateway, replace(NUMBER, segments_per_second=5.0))[0] == Gate(f"segments:{name}:+12015550100", 200)
    assert of(gateway, channel=Channel.VOICE)[0] == Gate(f"calls:{name}", 500)


def test_nothing_is_limited_where_all_limits_are_taken_away() -> None:
    sender = replace(TWILIO, concurrent_requests=0, calls_per_second=0)

    assert of(sender, replace(NUMBER, segments_per_second=0)) == ()
    assert of(sender, channel=Channel.VOICE) == ()
    assert of(pacing=UNPACED) == ()
