"""Templates of gateways: text with `${name}`, filled so that no value ever becomes structure.

`$${` stands for a plain `${`, and a name without a value for nothing. What a value may do is decided by where it goes:
in an address it is percent-encoded, in a form form-encoded, in JSON escaped as part of a string.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote, quote_plus

#: a name of plain characters: one with a quote in it could swallow the end of a JSON string.
_REFERENCE: Final = re.compile(r"\$\$\{|\$\{([A-Za-z0-9_.-]+)\}", re.ASCII)
#: scheme and authority: what lies before the first `/`, `?` or `#` after the `//`.
_ORIGIN: Final = re.compile(r"[^/?#]*//[^/?#]*")
_DOTS: Final = frozenset({".", ".."})


class UnfitValue(ValueError):
    """A value would change where a request goes; the text never quotes it."""


def names_in(template: str) -> frozenset[str]:
    """Return the names of the variables a template uses."""
    return frozenset(name for name in _REFERENCE.findall(template) if name)


def is_well_formed(template: str) -> bool:
    """Return whether every `${` is closed and holds a name of `A-Z a-z 0-9 _ . -`."""
    return "${" not in _REFERENCE.sub("_", template)


def origin_of(url: str) -> str:
    """Return scheme and authority of an address, which hold no variables."""
    found = _ORIGIN.match(url)
    return found[0] if found else ""


def fill_url(template: str, values: Mapping[str, str]) -> str:
    """Return the address with percent-encoded values.

    Raises:
        UnfitValue: a part of the path would become `.` or `..`, by which a path climbs.
    """
    origin = origin_of(template)
    rest = _filled(template[len(origin) :], values, lambda value: quote(value, safe="", errors="replace"))
    if _DOTS & set(rest.partition("?")[0].split("/")):
        raise UnfitValue("a part of the address would be only dots")
    return origin + rest


def fill_form(template: str, values: Mapping[str, str]) -> str:
    """Return the form with form-encoded values."""
    return _filled(template, values, lambda value: quote_plus(value, errors="replace"))


def fill_json(template: str, values: Mapping[str, str]) -> str:
    """Return the JSON text with escaped values; the template has its variables inside strings only."""
    return _filled(template, values, lambda value: json.dumps(value)[1:-1])


def json_problem(template: str) -> str | None:
    """Return what is wrong with the template of a JSON body, None if nothing is.

    A template that is JSON itself has its variables inside strings, so filling them in cannot change its structure.
    """
    keys: list[str] = []
    try:
        json.loads(template, object_pairs_hook=lambda pairs: keys.extend(key for key, _ in pairs), parse_constant=_no)
    except (ValueError, RecursionError):
        return 'must be valid JSON, with each variable inside a string: {"to": "${to}", "text": "${message}"}'
    return "must have its variables in values, not in names of fields" if any(map(names_in, keys)) else None


def _no(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _filled(template: str, values: Mapping[str, str], encode: Callable[[str], str]) -> str:
    def value_of(match: re.Match[str]) -> str:
        return "${" if match[1] is None else encode(values.get(match[1], ""))

    return _REFERENCE.sub(value_of, template)
