"""What must hold for every sender and recipient, whatever the numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.gateway_settings import AuthMethod, Gateway, GatewayAuthentication
from providers.protocol import NumberType
from senders import rendezvous
from senders.choice import Choice
from senders.countries import country_of
from senders.model import Number, Originator, Sender
from senders.selection import choose, served_countries
from senders.shortlist import Shortlist
from tests.support.sender_samples import BOTH, VOICE, gateway, gateway_request, phone, service, syniverse, twilio
from trunkline_client.private import Recipient
from trunkline_client.words import Channel

COUNTRIES = st.sampled_from(["US", "CA", "JM", "GB"])
RECIPIENTS = st.sampled_from(["+14155552671", "+16135552671", "+18765552671", "+447400123456", "+80012345678"])
CHANNELS = st.sampled_from(Channel)
CAPABILITIES = st.sampled_from([frozenset({Channel.SMS}), frozenset({Channel.VOICE}), BOTH])


@st.composite
def numbers(draw: st.DrawFn) -> Number:
    kind = draw(st.sampled_from(NumberType))
    prefix = {NumberType.SHORT_CODE: "88", NumberType.TOLL_FREE: "+1833555"}.get(kind)
    prefix = prefix or draw(st.sampled_from(["+1415555", "+1613555", "+4474000"]))
    countries = None
    if kind is not NumberType.PHONE_NUMBER:
        countries = draw(st.none() | st.lists(COUNTRIES, min_size=1, max_size=3, unique=True).map(tuple))
    return Number(
        f"{prefix}{draw(st.integers(1000, 9999))}",
        kind,
        draw(CAPABILITIES),
        selected=draw(st.booleans()),
        available=draw(st.booleans()),
        countries=countries,
    )


SENDERS = st.lists(numbers(), max_size=12, unique_by=lambda number: number.number).map(
    lambda found: twilio(*found, channels=BOTH)
)


WITH_FROM = Gateway(
    GatewayAuthentication(AuthMethod.BEARER),
    (gateway_request(body='{"to": "${to}", "text": "${message}", "from": "${from}"}'), gateway_request(Channel.VOICE)),
)
GATEWAYS = st.builds(
    lambda found, settings: gateway(*found, channels=BOTH, gateway=settings),
    st.lists(numbers(), max_size=4, unique_by=lambda number: number.number),
    st.sampled_from([WITH_FROM, gateway().gateway]),
)
SENDERS_WITHOUT_NUMBERS = st.sampled_from(
    [
        twilio(channels=BOTH),
        service(),
        syniverse(),
        syniverse(Originator("channel:1", ("GB",)), Originator("channel:2", None, VOICE), Originator("channel:3")),
    ]
)


def pick(sender: Sender, channel: Channel, to: str) -> Choice:
    return choose(sender, channel=channel, to=Recipient(to), country=country_of(to), sender_id=None)


@given(SENDERS, CHANNELS, RECIPIENTS, st.randoms())
def test_the_order_in_which_numbers_are_listed_changes_nothing(
    sender: Sender, channel: Channel, to: str, random: Random
) -> None:
    shuffled = list(sender.numbers)
    random.shuffle(shuffled)

    assert (
        pick(replace(sender, numbers=tuple(shuffled)), channel, to).candidates == pick(sender, channel, to).candidates
    )


@given(SENDERS, CHANNELS, RECIPIENTS)
def test_taking_away_a_number_that_was_not_chosen_moves_nobody(sender: Sender, channel: Channel, to: str) -> None:
    chosen = pick(sender, channel, to)
    for number in sender.numbers:
        if chosen.origin is None or number.number != chosen.origin.value:
            rest = tuple(other for other in sender.numbers if other != number)
            assert pick(replace(sender, numbers=rest), channel, to).origin == chosen.origin


@given(SENDERS, CHANNELS, RECIPIENTS)
def test_every_candidate_is_eligible(sender: Sender, channel: Channel, to: str) -> None:
    by_number = {number.number: number for number in sender.numbers}
    for value in pick(sender, channel, to).candidates:
        number = by_number[value]
        served = served_countries(number)
        assert number.selected
        assert number.available
        assert channel in number.capabilities
        assert served is None or country_of(to) in served


@given(SENDERS, CHANNELS, RECIPIENTS)
def test_every_number_is_either_a_candidate_or_passed_over(sender: Sender, channel: Channel, to: str) -> None:
    choice = pick(sender, channel, to)

    told = [*choice.candidates, *(passed.number for passed in choice.passed_over)]
    assert sorted(told) == sorted(number.number for number in sender.numbers)


@given(SENDERS, CHANNELS, RECIPIENTS)
def test_the_next_choice_after_a_refusal_is_the_second_candidate(sender: Sender, channel: Channel, to: str) -> None:
    first = pick(sender, channel, to)
    again = choose(
        sender,
        channel=channel,
        to=Recipient(to),
        country=country_of(to),
        sender_id=None,
        exclude=frozenset(first.candidates[:1]),
    )

    assert again.candidates == first.candidates[1:]


@given(
    SENDERS | SENDERS_WITHOUT_NUMBERS | GATEWAYS,
    CHANNELS,
    RECIPIENTS,
    st.none() | st.just("Acme"),
    st.integers(0, 13),
)
def test_a_dispatch_always_uses_the_first_candidate_that_an_explanation_shows(
    sender: Sender, channel: Channel, to: str, sender_id: str | None, refusals: int
) -> None:
    tried: frozenset[str] = frozenset()
    shortlist = Shortlist(sender, channel)
    for _ in range(refusals):
        asked: dict[str, Any] = {"to": Recipient(to), "country": country_of(to), "sender_id": sender_id}
        explained = choose(sender, channel=channel, exclude=tried, **asked)

        assert shortlist.first(exclude=tried, **asked) == explained.origin
        assert shortlist.has_any(exclude=tried, **asked) == (explained.origin is not None)
        tried |= {*explained.candidates[:1]}


def test_recipients_spread_evenly_over_equal_numbers() -> None:
    sender = twilio(*(phone(f"+1415555{index:04d}") for index in range(8)))

    used = Counter(pick(sender, Channel.SMS, f"+1212555{index:04d}").candidates[0] for index in range(8000))

    # 1,000 each; the standard deviation is 30, so 150 is five of them
    assert all(abs(count - 1000) < 150 for count in used.values())


def test_recipients_spread_evenly_over_a_thousand_numbers() -> None:
    shortlist = Shortlist(twilio(*(phone(f"+1415555{index:04}") for index in range(1000))), Channel.SMS)

    used = Counter(
        shortlist.first(to=Recipient(f"+121255{index:05}"), country="US", sender_id=None) for index in range(20_000)
    )

    # chi-square with 999 degrees of freedom: 999 expected, and its standard deviation is 45
    assert abs(sum((count - 20) ** 2 / 20 for count in used.values()) + 20 * (1000 - len(used)) - 999) < 4 * 45


def test_a_choice_among_a_thousand_numbers_hashes_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    real = rendezvous.hash_of

    def counted(number: str) -> int:
        hashed.append(number)
        return real(number)

    monkeypatch.setattr(rendezvous, "hash_of", counted)
    shortlist = Shortlist(twilio(*(phone(f"+1415555{index:04}") for index in range(1000))), Channel.SMS)
    assert len(hashed) == 1000

    for index in range(100):
        assert shortlist.first(to=Recipient(f"+1212555{index:04}"), country="US", sender_id=None)
    assert len(hashed) == 1000
