from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from senders.rendezvous import Affinity, Equals
from trunkline_client.private import Recipient

NUMBERS = st.integers(0, 10**7 - 1).map(lambda digits: f"+1415{digits:07}")
RECIPIENTS = st.integers(0, 10**7 - 1).map(lambda digits: Recipient(f"+1212{digits:07}"))


@given(st.sets(NUMBERS, max_size=60), RECIPIENTS, st.integers(0, 5))
def test_the_numbers_win_in_the_order_of_their_weights(numbers: set[str], to: Recipient, refused: int) -> None:
    affinity = Affinity.of(to)
    ranked = sorted(numbers, key=lambda number: (-affinity.weight(number), number))
    best = Equals(numbers).best(affinity, frozenset(ranked[:refused]))

    assert best == next(iter(ranked[refused:]), None)


@given(st.sets(NUMBERS, min_size=2, max_size=60), RECIPIENTS, st.data())
def test_a_recipient_keeps_its_number_while_it_is_there(numbers: set[str], to: Recipient, data: st.DataObject) -> None:
    affinity = Affinity.of(to)
    best = Equals(numbers).best(affinity, frozenset())
    gone = data.draw(st.sets(st.sampled_from(sorted(numbers - {best or ""}))))

    assert Equals(numbers - gone).best(affinity, frozenset()) == best


@given(st.sets(NUMBERS, min_size=1, max_size=60), NUMBERS, RECIPIENTS)
def test_a_new_number_takes_only_the_recipients_it_wins(numbers: set[str], new: str, to: Recipient) -> None:
    affinity = Affinity.of(to)
    best = Equals(numbers).best(affinity, frozenset())

    assert Equals(numbers | {new}).best(affinity, frozenset()) in {best, new}


def test_weights_stay_the_same_from_release_to_release() -> None:
    assert Affinity.of(Recipient("+14155552671")).weight("+14155550100") == 15422902571363144075
