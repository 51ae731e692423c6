"""The choice of the originator: which number, sender ID, service or Syniverse originator a message leaves from.

Pure: the same inputs give the same choice in every process, and `trunkline explain` shows exactly what a dispatch
would do. The order is told in `docs/selection.md`. This is the full form, which names every candidate and every
reason; `senders.shortlist` gives a dispatch the first candidate of the same order without looking at the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final

from providers.protocol import Kind, NumberType, Origin, OriginType
from senders.choice import Choice, PassedOver, PassedOverReason
from senders.countries import WITHOUT_SENDER_IDS, country_of
from senders.model import Number, Originator, Sender
from senders.rendezvous import Affinity
from trunkline_client.private import Recipient
from trunkline_client.words import Channel

#: which type goes first; a short code carries no voice.
TYPE_RANK: Final = {
    Channel.SMS: {NumberType.SHORT_CODE: 0, NumberType.PHONE_NUMBER: 1, NumberType.TOLL_FREE: 2},
    Channel.VOICE: {NumberType.PHONE_NUMBER: 0, NumberType.TOLL_FREE: 1},
}
#: a toll-free number or short code without a configured country serves the United States only.
_DEFAULT_COUNTRIES: Final = ("US",)
_WITHOUT_NUMBERS: Final = frozenset({Kind.TWILIO_MESSAGING_SERVICE, Kind.SYNIVERSE})


@dataclass(frozen=True, slots=True)
class _Ask:
    """What is asked of a sender: the arguments of `choose` without the sender."""

    channel: Channel
    to: Recipient
    country: str | None
    sender_id: str | None
    exclude: frozenset[str]


def choose(
    sender: Sender,
    *,
    channel: Channel,
    to: Recipient,
    country: str | None,
    sender_id: str | None,
    exclude: frozenset[str] = frozenset(),
) -> Choice:
    """Return what `sender` would send from, every other candidate in order, and why the rest were passed over.

    Args:
        sender: one that `senders.routing.unusable` has no objection to.
        channel: the job's channel.
        to: the recipient; only its hash takes part in the choice.
        country: the recipient's country as `country_of` tells it, None if unknown.
        sender_id: the alphanumeric originator the job asks for.
        exclude: originators already tried for this job.
    """
    if channel not in sender.channels:
        return _choice([], [PassedOver(value, PassedOverReason.CHANNEL) for value in _all(sender)])
    ask = _Ask(channel, to, country, sender_id, exclude)
    match sender.kind:
        case Kind.TWILIO_MESSAGING_SERVICE:
            return _choose_service(sender, ask)
        case Kind.SYNIVERSE:
            return _choose_originator(sender, ask)
        case Kind.GATEWAY:
            return _choose_at_gateway(sender, ask)
        case _:
            return _choose_number(sender, ask)


def served_countries(number: Number) -> tuple[str, ...] | None:
    """Return the countries a number may send to, None for every country, known or not."""
    if number.type is NumberType.PHONE_NUMBER:
        return None
    return number.countries or _DEFAULT_COUNTRIES


def chooses_among_numbers(sender: Sender) -> bool:
    """Return whether a sender's candidates are its own numbers, and a sender ID before them."""
    return bool(sender.numbers) and sender.kind not in _WITHOUT_NUMBERS


def standing_objection(number: Number, channel: Channel) -> PassedOverReason | None:
    """Return why a number is no candidate for any job of a channel, None if it can be one."""
    if not number.selected:
        return PassedOverReason.NOT_SELECTED
    if not number.available:
        return PassedOverReason.NOT_AVAILABLE
    # a short code carries SMS only, whatever an account's list says of it
    if channel not in number.capabilities or number.type not in TYPE_RANK[channel]:
        return PassedOverReason.NOT_CAPABLE
    return None


def takes_sender_ids(sender: Sender, channel: Channel) -> bool:
    """Return whether a sender that chooses among numbers has a place for a sender ID in its requests of a channel."""
    if sender.gateway is None:
        return True
    request = sender.gateway.request_for(channel)
    return request is not None and request.takes_from


def sender_id_objection(
    sender_id: str, *, channel: Channel, country: str | None, exclude: AbstractSet[str]
) -> PassedOverReason | None:
    """Return why a job's sender ID is not used before the numbers of a sender, None if it is."""
    if channel is not Channel.SMS:
        return PassedOverReason.NOT_CAPABLE
    if country is None:
        return PassedOverReason.UNKNOWN_COUNTRY
    if country in WITHOUT_SENDER_IDS:
        return PassedOverReason.SENDER_ID_NOT_ALLOWED
    return PassedOverReason.ALREADY_TRIED if sender_id in exclude else None


def _choose_number(sender: Sender, ask: _Ask) -> Choice:
    passed_over: list[PassedOver] = []
    eligible: list[Number] = []
    for number in sender.numbers:
        reason = _number_objection(number, ask)
        if reason is None:
            eligible.append(number)
        else:
            passed_over.append(PassedOver(number.number, reason))
    affinity = Affinity.of(ask.to)
    eligible.sort(key=lambda number: _order(number, ask, affinity))
    origins = [Origin(OriginType.NUMBER, number.number) for number in eligible]
    if ask.sender_id is not None:
        reason = sender_id_objection(ask.sender_id, channel=ask.channel, country=ask.country, exclude=ask.exclude)
        if reason is None:
            origins.insert(0, Origin(OriginType.SENDER_ID, ask.sender_id))
        else:
            passed_over.insert(0, PassedOver(ask.sender_id, reason))
    return _choice(origins, passed_over)


def _number_objection(number: Number, ask: _Ask) -> PassedOverReason | None:
    objection = standing_objection(number, ask.channel) or _country_objection(served_countries(number), ask.country)
    if objection is None and number.number in ask.exclude:
        return PassedOverReason.ALREADY_TRIED
    return objection


def _country_objection(served: Iterable[str] | None, country: str | None) -> PassedOverReason | None:
    if served is None:
        return None
    if country is None:
        return PassedOverReason.UNKNOWN_COUNTRY
    return None if country in served else PassedOverReason.COUNTRY


def _order(number: Number, ask: _Ask, affinity: Affinity) -> tuple[bool, int, int, str]:
    """Return the sort key of an eligible number: same country, type, then the rendezvous hash, highest first."""
    if number.type is NumberType.PHONE_NUMBER:
        same_country = ask.country is not None and country_of(number.number) == ask.country
    else:
        same_country = True  # eligible at all only because its own list has the country
    rank = TYPE_RANK[ask.channel][number.type]
    return (not same_country, rank, -affinity.weight(number.number), number.number)


def _choose_service(sender: Sender, ask: _Ask) -> Choice:
    passed_over = _ignored_sender_id(ask)
    service = sender.messaging_service_sid or ""
    if ask.channel is not Channel.SMS:
        return _choice([], [*passed_over, PassedOver(service, PassedOverReason.NOT_CAPABLE)])
    if service in ask.exclude:
        return _choice([], [*passed_over, PassedOver(service, PassedOverReason.ALREADY_TRIED)])
    return _choice([Origin(OriginType.MESSAGING_SERVICE, service)], passed_over)


def _choose_originator(sender: Sender, ask: _Ask) -> Choice:
    passed_over = _ignored_sender_id(ask)
    origins: list[Origin] = []
    gone = {one.number for one in sender.numbers if not one.available}
    for originator in sender.originators:
        reason = PassedOverReason.NOT_AVAILABLE if originator.id in gone else _originator_objection(originator, ask)
        if reason is None:
            origins.append(Origin(OriginType.ORIGINATOR, originator.id))
        else:
            passed_over.append(PassedOver(originator.id, reason))
    return _choice(origins, passed_over)


def _choose_at_gateway(sender: Sender, ask: _Ask) -> Choice:
    """Return the gateway itself if it has no numbers; a sender ID is used only where the request has a place for it."""
    if sender.numbers and takes_sender_ids(sender, ask.channel):
        return _choose_number(sender, ask)
    passed_over = _ignored_sender_id(ask)
    if sender.numbers:
        choice = _choose_number(sender, replace(ask, sender_id=None))
        return replace(choice, passed_over=(*passed_over, *choice.passed_over))
    if sender.key in ask.exclude:
        return _choice([], [*passed_over, PassedOver(sender.key, PassedOverReason.ALREADY_TRIED)])
    return _choice([Origin(OriginType.GATEWAY, sender.key)], passed_over)


def _originator_objection(originator: Originator, ask: _Ask) -> PassedOverReason | None:
    if originator.channels is not None and ask.channel not in originator.channels:
        return PassedOverReason.CHANNEL
    objection = _country_objection(originator.countries, ask.country)
    if objection is None and originator.id in ask.exclude:
        return PassedOverReason.ALREADY_TRIED
    return objection


def _ignored_sender_id(ask: _Ask) -> list[PassedOver]:
    """Return the note that a sender ID is not used: a messaging service has its own, others take none."""
    return [] if ask.sender_id is None else [PassedOver(ask.sender_id, PassedOverReason.SENDER_ID_NOT_ALLOWED)]


def _choice(origins: list[Origin], passed_over: list[PassedOver]) -> Choice:
    return Choice(
        origin=origins[0] if origins else None,
        candidates=tuple(origin.value for origin in origins),
        passed_over=tuple(passed_over),
    )


def _all(sender: Sender) -> tuple[str, ...]:
    if sender.kind is Kind.TWILIO_MESSAGING_SERVICE:
        return (sender.messaging_service_sid or "",)
    if sender.kind is Kind.GATEWAY and not sender.numbers:
        return (sender.key,)
    if sender.kind is Kind.SYNIVERSE:
        return tuple(originator.id for originator in sender.originators)
    return tuple(number.number for number in sender.numbers)
