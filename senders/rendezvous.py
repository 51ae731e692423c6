"""Rendezvous hashing of recipients and numbers: which of equal numbers a recipient sees.

Each pair has a weight, and the number with the highest weight wins. So taking away any other number moves nobody, and
a number that is added takes only those recipients it wins. A number is hashed once and a recipient once per job; a
pair then costs one multiplication, and a thousand pairs are weighed with one multiplication of long integers (0.1 ms;
a hash function for each pair took 2 ms).
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from trunkline_client.private import Recipient

#: keys the hashes, so that the spread is this program's own; changing it moves every recipient to another number.
_KEY: Final = b"trunkline.selection.2"
_WORD_BYTES: Final = 8
_MASK: Final = (1 << 64) - 1
#: a lane holds a whole product of two words, so no carry reaches the next lane.
_LANE_BYTES: Final = 2 * _WORD_BYTES


@dataclass(frozen=True, slots=True)
class Affinity:
    """A recipient's part of the weights: `(factor * hash + offset) mod 2**64`, with an odd factor."""

    factor: int
    offset: int

    @classmethod
    def of(cls, to: Recipient) -> Affinity:
        """Return the affinity of a recipient: stable over processes and versions, unlike `hash`."""
        digest = blake2b(to.reveal().encode(), digest_size=2 * _WORD_BYTES, key=_KEY, person=b"recipient").digest()
        return cls(_word(digest[:_WORD_BYTES]) | 1, _word(digest[_WORD_BYTES:]))

    def weight(self, number: str) -> int:
        """Return the weight of a number for this recipient."""
        return (self.factor * hash_of(number) + self.offset) & _MASK


def hash_of(number: str) -> int:
    """Return the hash of a number, the same for every recipient."""
    return _word(blake2b(number.encode(), digest_size=_WORD_BYTES, key=_KEY, person=b"number").digest())


class Equals:
    """Numbers between which only the weight decides, with their hashes side by side in one long integer."""

    __slots__ = ("_lanes", "_ones", "numbers")

    def __init__(self, numbers: AbstractSet[str]) -> None:
        #: in their order, which decides between equal weights.
        self.numbers = tuple(sorted(numbers))
        self._lanes = _lanes([hash_of(number) for number in self.numbers])
        self._ones = _lanes([1] * len(self.numbers))

    def best(self, affinity: Affinity, exclude: AbstractSet[str]) -> str | None:
        """Return the number with the highest weight outside `exclude`, None if there is none."""
        weights = self._weights(affinity)
        for _ in self.numbers:
            place = weights.index(max(weights))
            if self.numbers[place] not in exclude:
                return self.numbers[place]
            weights[place] = -1  # below every weight
        return None

    def _weights(self, affinity: Affinity) -> list[int]:
        products = self._lanes * affinity.factor + self._ones * affinity.offset
        words = array("Q", products.to_bytes(len(self.numbers) * _LANE_BYTES, "little"))
        if sys.byteorder == "big":
            words.byteswap()
        return words[::2].tolist()


def _word(digest: bytes) -> int:
    return int.from_bytes(digest, "little")


def _lanes(words: list[int]) -> int:
    return int.from_bytes(b"".join(word.to_bytes(_LANE_BYTES, "little") for word in words), "little")
