"""The first candidate of a sender, without looking at the others: what a dispatch asks for.

Always the first of `senders.selection.choose`. Everything that no job changes is sorted once: which numbers can carry a
channel, by the countries they serve and their type. A worker keeps that beside the configuration it came from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from providers.protocol import NumberType, Origin, OriginType
from senders.countries import country_of
from senders.model import Number, Sender
from senders.rendezvous import Affinity, Equals
from senders.selection import (
    TYPE_RANK,
    choose,
    chooses_among_numbers,
    sender_id_objection,
    served_countries,
    standing_objection,
    takes_sender_ids,
)
from trunkline_client.private import Recipient
from trunkline_client.words import Channel


class Shortlist:
    """What one sender can send from over one channel, sorted once for all its jobs."""

    __slots__ = ("_anywhere", "_channel", "_home", "_numbers", "_sender")

    def __init__(self, sender: Sender, channel: Channel) -> None:
        """Sort a sender's numbers: about 25 us for each, most of it to tell its country."""
        self._sender = sender
        self._channel = channel
        able = [number for number in sender.numbers if standing_objection(number, channel) is None]
        self._numbers = {number.number: number for number in able}
        classes = _Classes()
        self._home = _by_country(able, TYPE_RANK[channel], classes)
        ordinary = [number.number for number in able if served_countries(number) is None]
        self._anywhere = (classes.of(ordinary),) if ordinary else ()

    def first(
        self, *, to: Recipient, country: str | None, sender_id: str | None, exclude: frozenset[str] = frozenset()
    ) -> Origin | None:
        """Return what the sender would send from, None if it has no candidate; the arguments are those of `choose`."""
        sender, channel = self._sender, self._channel
        if not self._is_sorted:
            choice = choose(sender, channel=channel, to=to, country=country, sender_id=sender_id, exclude=exclude)
            return choice.origin
        if self._takes(sender_id, country, exclude):
            return Origin(OriginType.SENDER_ID, sender_id or "")
        affinity = Affinity.of(to)
        best = (equals.best(affinity, exclude) for equals in self._in_order(country))
        number = next((one for one in best if one is not None), None)
        return None if number is None else Origin(OriginType.NUMBER, number)

    def number(self, value: str) -> Number | None:
        """Return the number of the sender that an originator is, None if it is none of those that carry the channel."""
        return self._numbers.get(value)

    def has_any(
        self, *, to: Recipient, country: str | None, sender_id: str | None, exclude: frozenset[str] = frozenset()
    ) -> bool:
        """Return whether `first` with the same arguments would find anything; no weight is computed."""
        if not self._is_sorted:
            return self.first(to=to, country=country, sender_id=sender_id, exclude=exclude) is not None
        return self._takes(sender_id, country, exclude) or any(
            number not in exclude for equals in self._in_order(country) for number in equals.numbers
        )

    @property
    def _is_sorted(self) -> bool:
        """Whether the candidates are numbers; of all others there are few, and `choose` is quick enough."""
        return chooses_among_numbers(self._sender) and self._channel in self._sender.channels

    def _takes(self, sender_id: str | None, country: str | None, exclude: AbstractSet[str]) -> bool:
        if sender_id is None or not takes_sender_ids(self._sender, self._channel):
            return False
        return sender_id_objection(sender_id, channel=self._channel, country=country, exclude=exclude) is None

    def _in_order(self, country: str | None) -> Iterator[Equals]:
        """Yield the numbers by their rank, best first.

        The ordinary numbers of the country come again at the end, but by then every one of them is excluded.
        """
        if country is not None:
            yield from self._home.get(country, ())
        yield from self._anywhere


class _Classes:
    """Makes each set of numbers once: often all numbers are of one country, or list the same countries."""

    def __init__(self) -> None:
        self._made: dict[frozenset[str], Equals] = {}

    def of(self, numbers: Iterable[str]) -> Equals:
        """Return the class of these numbers."""
        wanted = frozenset(numbers)
        if wanted not in self._made:
            self._made[wanted] = Equals(wanted)
        return self._made[wanted]


def _by_country(
    able: Iterable[Number], ranks: Mapping[NumberType, int], classes: _Classes
) -> Mapping[str, tuple[Equals, ...]]:
    """Return the numbers of each country and those that list it, by type, best first."""
    found: defaultdict[str, defaultdict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for number in able:
        for country in served_countries(number) or _own_country(number.number):
            found[country][ranks[number.type]].append(number.number)
    return {country: tuple(classes.of(by_rank[rank]) for rank in sorted(by_rank)) for country, by_rank in found.items()}


def _own_country(number: str) -> tuple[str, ...]:
    country = country_of(number)
    return () if country is None else (country,)
