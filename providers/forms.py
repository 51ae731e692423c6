"""The body of a form, `application/x-www-form-urlencoded`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote_plus

#: how each byte is written. A table, since `quote_plus` joins its texts byte by byte, in three times the time.
_WRITTEN: Final = [quote_plus(bytes([byte])) for byte in range(256)]


def form_body(fields: Mapping[str, str]) -> bytes:
    """Return the body of a form; raises a UnicodeEncodeError if a value holds half of a surrogate pair.

    Args:
        fields: the values by name; the names are ours and of ASCII letters, so they are written as they are.
    """
    return "&".join([f"{name}={_quoted(value)}" for name, value in fields.items()]).encode("ascii")


def _quoted(value: str) -> str:
    return value.encode().decode("latin-1").translate(_WRITTEN)
