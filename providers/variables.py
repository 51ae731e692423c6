"""The values a job brings along for the templates of gateways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NoReturn


class Variables:
    """Texts by name; like every private value they show in no `repr`, are no mapping, and cannot be pickled."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def reveal(self, name: str) -> str | None:
        """Return the value of this name, None if there is none; call it only where it leaves for its destination."""
        return self._values.get(name)

    def __repr__(self) -> str:
        return "Variables(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Variables) and other._values == self._values

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __reduce__(self) -> NoReturn:
        raise TypeError("Variables are private and cannot be pickled")


NO_VARIABLES: Final = Variables({})
