from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from providers.protocol import NumberType, Origin, OriginType
from senders.choice import Choice, PassedOver, PassedOverReason
from senders.countries import country_of
from senders.model import Number, Originator, Sender
from senders.selection import choose
from tests.support.sender_samples import (
    BOTH,
    SERVICE_SID,
    SMS,
    VOICE,
    phone,
    service,
    short_code,
    syniverse,
    toll_free,
    twilio,
)
from trunkline_client.private import Recipient
from trunkline_client.words import Channel

PAGE = Path(__file__).parents[3] / "docs" / "selection.md"

US, CA, JM, GB, FR = "+14155552671", "+16135552671", "+18765552671", "+447400123456", "+33612345678"
UNIVERSAL, UNASSIGNED = "+80012345678", "+447700900123"

A, C, G = "+14155550100", "+16135550100", "+447400000001"
US_PHONE, CA_PHONE, GB_PHONE = phone(A), phone(C), phone(G)
US_ONLY_TOLL_FREE = toll_free("+18335550199")
TN = "+18445550199"
NORTH_TOLL_FREE = toll_free(TN, "US", "CA")
ONE, TWO = "channel:1", "channel:2"
US_CODE, GB_CODE = short_code("88022"), short_code("60777", "GB")

SMS_ONLY = phone("+14155550101", capabilities=SMS)


def pick(
    sender: Sender,
    to: str,
    channel: Channel = Channel.SMS,
    sender_id: str | None = None,
    exclude: frozenset[str] = frozenset(),
) -> Choice:
    country = country_of(to)
    return choose(sender, channel=channel, to=Recipient(to), country=country, sender_id=sender_id, exclude=exclude)


@dataclass(frozen=True)
class Case:
    """A row of the table in `docs/selection.md`: what is asked, and every candidate in order."""

    name: str
    sender: Sender
    to: str
    candidates: tuple[str, ...]
    channel: Channel = Channel.SMS
    sender_id: str | None = None

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


def row_of(case: Case) -> str:
    """Return the case as a row of the page's table."""
    of_sender = [*map(number_text, case.sender.numbers), *map(originator_text, case.sender.originators)]
    if case.sender.messaging_service_sid:
        of_sender = ["messaging service"]
    asked = f"{case.channel} to {case.to}" + (f" as {case.sender_id}" if case.sender_id else "")
    chosen = ", ".join(case.candidates).replace(SERVICE_SID, "the service") or "none"
    carries = " and ".join(sorted(case.sender.channels))
    return f"| {case.name} | {carries}: {', '.join(of_sender) or 'no numbers'} | {asked} | {chosen} |"


def number_text(number: Number) -> str:
    words = [] if number.type is NumberType.PHONE_NUMBER else [number.type.replace("_", " ")]
    words += [f"for {' '.join(number.countries)}"] if number.countries else []
    words += ["sms only"] if number.type is not NumberType.SHORT_CODE and number.capabilities == SMS else []
    return f"{number.number} ({' '.join(words)})" if words else number.number


def originator_text(originator: Originator) -> str:
    words = [f"for {' '.join(originator.countries)}"] if originator.countries else []
    words += ["sms only"] if originator.channels == SMS else []
    return f"{originator.id} ({' '.join(words)})" if words else originator.id


CASES = [
    Case("US number for US", twilio(CA_PHONE, US_PHONE), US, (A, C)),
    Case("CA number for CA", twilio(US_PHONE, CA_PHONE), CA, (C, A)),
    Case("Any number for JM though all are +1", twilio(US_PHONE), JM, (A,)),
    Case("Toll-free without countries serves US", twilio(US_ONLY_TOLL_FREE), US, ("+18335550199",)),
    Case("Toll-free without countries does not serve CA", twilio(US_ONLY_TOLL_FREE), CA, ()),
    Case("Toll-free with countries serves CA", twilio(NORTH_TOLL_FREE), CA, (TN,)),
    Case("Toll-free with countries does not serve JM", twilio(NORTH_TOLL_FREE), JM, ()),
    Case("A number before a toll-free at home", twilio(NORTH_TOLL_FREE, US_PHONE), US, (A, TN)),
    Case("A listed toll-free before foreign", twilio(US_PHONE, NORTH_TOLL_FREE), CA, (TN, A)),
    Case("Short code first for SMS", twilio(US_PHONE, US_CODE), US, ("88022", A)),
    Case("Short code defaults to US", twilio(US_CODE), CA, ()),
    Case("Short code of its country", twilio(US_CODE, GB_CODE, GB_PHONE), GB, ("60777", G)),
    Case("Short code never for voice", twilio(US_CODE, US_PHONE, channels=BOTH), US, (A,), Channel.VOICE),
    Case("Voice with SMS-only numbers", twilio(SMS_ONLY, channels=VOICE), US, (), Channel.VOICE),
    Case("Channel not configured", twilio(US_PHONE, channels=SMS), US, (), Channel.VOICE),
    Case("Universal number takes ordinary only", twilio(US_CODE, NORTH_TOLL_FREE, GB_PHONE), UNIVERSAL, (G,)),
    Case("Unassigned range takes ordinary only", twilio(GB_CODE, GB_PHONE), UNASSIGNED, (G,)),
    Case("Unparsable recipient takes ordinary only", twilio(US_CODE, US_PHONE), "+1800FLOWERS", (A,)),
    Case("No numbers", twilio(), US, ()),
    Case("Sender ID to GB beats a code", twilio(GB_CODE, GB_PHONE), GB, ("Acme", "60777", G), sender_id="Acme"),
    Case("Sender ID to US gives way", twilio(US_CODE, US_PHONE), US, ("88022", A), sender_id="Acme"),
    Case("Sender ID to CA gives way", twilio(US_PHONE), CA, (A,), sender_id="Acme"),
    Case("Sender ID to JM though +1", twilio(US_PHONE), JM, ("Acme", A), sender_id="Acme"),
    Case("Sender ID to unknown country", twilio(US_PHONE), UNIVERSAL, (A,), sender_id="Acme"),
    Case("Sender ID on voice", twilio(GB_PHONE, channels=BOTH), GB, (G,), Channel.VOICE, "Acme"),
    Case("Sender ID needs no number", twilio(US_CODE), FR, ("Acme",), sender_id="Acme"),
    Case("Messaging service anywhere", service(), FR, (SERVICE_SID,)),
    Case("Messaging service ignores a sender ID", service(), GB, (SERVICE_SID,), sender_id="Acme"),
    Case("Messaging service has no voice", service(channels=BOTH), GB, (), Channel.VOICE),
    Case("Originators in their order", syniverse(Originator(TWO), Originator(ONE)), US, (TWO, ONE)),
    Case("Originator by country", syniverse(Originator(ONE, ("GB",)), Originator(TWO, ("US",))), US, (TWO,)),
    Case("Originator by channel", syniverse(Originator(ONE, channels=SMS)), US, (), Channel.VOICE),
    Case("Originator with countries, unknown", syniverse(Originator(ONE, ("US",))), UNIVERSAL, ()),
    Case("Originator without countries, unknown", syniverse(Originator(ONE)), UNIVERSAL, (ONE,)),
    Case("Syniverse ignores a sender ID", syniverse(Originator(ONE)), GB, (ONE,), sender_id="Acme"),
]  # fmt: skip


def test_the_page_about_selection_shows_exactly_this_table() -> None:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]

    assert rows[-len(CASES) :] == [row_of(case) for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_candidates_and_their_order(case: Case) -> None:
    choice = pick(case.sender, case.to, case.channel, case.sender_id)

    assert choice.candidates == case.candidates
    assert (choice.origin.value if choice.origin else None) == (case.candidates[0] if case.candidates else None)


@pytest.mark.parametrize(
    ("sender", "to", "value", "reason"),
    [
        (twilio(phone("+14155550100", selected=False)), US, "+14155550100", PassedOverReason.NOT_SELECTED),
        (twilio(phone("+14155550100", available=False)), US, "+14155550100", PassedOverReason.NOT_AVAILABLE),
        (twilio(phone("+14155550100", capabilities=VOICE)), US, "+14155550100", PassedOverReason.NOT_CAPABLE),
        (twilio(US_CODE), CA, "88022", PassedOverReason.COUNTRY),
        (twilio(US_CODE), UNIVERSAL, "88022", PassedOverReason.UNKNOWN_COUNTRY),
        (twilio(US_PHONE, channels=VOICE), US, "+14155550100", PassedOverReason.CHANNEL),
        (service(channels=VOICE), US, SERVICE_SID, PassedOverReason.CHANNEL),
        (syniverse(Originator("channel:a"), channels=VOICE), US, "channel:a", PassedOverReason.CHANNEL),
        (syniverse(Originator("channel:a", channels=VOICE)), US, "channel:a", PassedOverReason.CHANNEL),
        (syniverse(Originator("channel:a", ("GB",))), US, "channel:a", PassedOverReason.COUNTRY),
    ],
)
def test_every_number_passed_over_has_its_reason(sender: Sender, to: str, value: str, reason: PassedOverReason) -> None:
    choice = pick(sender, to)

    assert choice.origin is None
    assert [(passed.number, passed.reason) for passed in choice.passed_over] == [(value, reason)]


@pytest.mark.parametrize(
    ("sender", "to", "channel", "reason"),
    [
        (twilio(US_PHONE), US, Channel.SMS, PassedOverReason.SENDER_ID_NOT_ALLOWED),
        (twilio(US_PHONE), UNIVERSAL, Channel.SMS, PassedOverReason.UNKNOWN_COUNTRY),
        (twilio(US_PHONE, channels=BOTH), GB, Channel.VOICE, PassedOverReason.NOT_CAPABLE),
        (service(), GB, Channel.SMS, PassedOverReason.SENDER_ID_NOT_ALLOWED),
        (syniverse(Originator("channel:a")), GB, Channel.SMS, PassedOverReason.SENDER_ID_NOT_ALLOWED),
    ],
)
def test_a_sender_id_that_is_not_used_has_its_reason(
    sender: Sender, to: str, channel: Channel, reason: PassedOverReason
) -> None:
    assert [(p.number, p.reason) for p in pick(sender, to, channel, "Acme").passed_over] == [("Acme", reason)]


def test_a_refused_sender_id_gives_way_to_an_own_number() -> None:
    choice = pick(twilio(GB_PHONE), GB, sender_id="Acme", exclude=frozenset({"Acme"}))

    assert choice.origin == Origin(OriginType.NUMBER, "+447400000001")
    assert [passed.reason for passed in choice.passed_over] == [PassedOverReason.ALREADY_TRIED]


@pytest.mark.parametrize(
    ("sender", "tried"),
    [(twilio(US_PHONE), "+14155550100"), (service(), SERVICE_SID), (syniverse(Originator("channel:a")), "channel:a")],
)
def test_an_originator_already_tried_is_not_chosen_again(sender: Sender, tried: str) -> None:
    choice = pick(sender, US, exclude=frozenset({tried}))

    assert choice.origin is None
    assert [passed.reason for passed in choice.passed_over] == [PassedOverReason.ALREADY_TRIED]


@pytest.mark.parametrize(
    ("sender", "sender_id", "origin"),
    [
        (twilio(GB_PHONE), None, Origin(OriginType.NUMBER, "+447400000001")),
        (twilio(GB_PHONE), "Acme", Origin(OriginType.SENDER_ID, "Acme")),
        (service(), None, Origin(OriginType.MESSAGING_SERVICE, SERVICE_SID)),
        (syniverse(Originator("sender_id:x")), None, Origin(OriginType.ORIGINATOR, "sender_id:x")),
    ],
)
def test_an_origin_says_what_it_is(sender: Sender, sender_id: str | None, origin: Origin) -> None:
    assert pick(sender, GB, sender_id=sender_id).origin == origin


def test_the_spread_stays_the_same_from_release_to_release() -> None:
    sender = twilio(*(phone(f"+1415555010{digit}") for digit in range(10)))

    chosen = [pick(sender, f"+1415555267{digit}").candidates[0][-1] for digit in range(10)]

    assert "".join(chosen) == "8047054187"


def test_an_originator_that_the_account_has_no_more_is_never_chosen() -> None:
    gone = Number("channel:1", NumberType.PHONE_NUMBER, BOTH, available=False)
    sender = replace(syniverse(Originator("channel:1"), Originator("channel:2")), numbers=(gone,))

    choice = choose(sender, channel=Channel.SMS, to=Recipient("+14155552671"), country="US", sender_id=None)

    assert choice.candidates == ("channel:2",)
    assert choice.passed_over == (PassedOver("channel:1", PassedOverReason.NOT_AVAILABLE),)
