"""Values that must not appear in a log, a trace or an error: their text form hides them."""

from __future__ import annotations

from typing import NoReturn


class Private:
    """A string whose `str`, `repr` and `format` hide it; `reveal()` is the only way to read it.

    It compares and hashes by value, cannot be pickled, and is no `str`, so a JSON encoder or a log formatter that
    meets one by accident fails or prints the mask instead of the value.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the hidden value; call it only where the value leaves for its destination."""
        return self._value

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._value == self._value

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._value))

    def __len__(self) -> int:
        return len(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} is private and cannot be pickled")


class Recipient(Private):
    """The number a message goes to, in E.164."""

    __slots__ = ()


class Body(Private):
    """The text of a message; for voice, with its markup."""

    __slots__ = ()


class Token(Private):
    """A credential of a provider account."""

    __slots__ = ()


class Code(Private):
    """A one-time passcode."""

    __slots__ = ()
