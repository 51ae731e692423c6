"""YAML as configuration files use it: every plain value is text, and nothing is said twice.

YAML's own reading of plain values does harm here: `NO` (Norway) is false, `+14155550100` and `88022` are integers, and
a token of digits loses its leading zeros. So only `true`, `false` and an empty value or `null` keep a meaning.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from senders.shown import shown
from trunkline_client.errors import TrunklineError

#: libyaml's parser where PyYAML was built with it (every wheel on PyPI is): 16 times as fast as the one in Python.
PARSERS: Final = tuple(getattr(yaml, name) for name in ("CSafeLoader", "SafeLoader") if hasattr(yaml, name))
#: a configuration file needs eight levels; without a bound a line of brackets ends the interpreter's stack.
MOST_LEVELS: Final = 50
_PLAIN: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}


class FileUnreadable(TrunklineError):
    """A file is not YAML that can be read; the text names the line."""


class _Mark(Protocol):
    """A place in the text, counted from 0; each parser has a class of its own for it."""

    @property
    def line(self) -> int: ...

    @property
    def column(self) -> int: ...


def read_yaml(text: str, *, parser: type[yaml.SafeLoader] = PARSERS[0]) -> object:
    """Return the content of one YAML document: mappings, lists, text, booleans and None.

    Raises:
        FileUnreadable: it is no YAML, uses aliases or tags, or has a key twice.
    """
    try:
        return _document(yaml.parse(text, Loader=parser))
    except yaml.MarkedYAMLError as error:
        # not chained: the error quotes the file, and that may be a secret
        raise _unreadable(error.problem_mark or error.context_mark, error.problem or error.context) from None
    except yaml.YAMLError:
        raise FileUnreadable("it contains characters that YAML does not allow") from None


def _document(events: Iterator[Event]) -> object:
    next(events)  # the stream begins
    event = next(events)
    if isinstance(event, StreamEndEvent):
        return None
    content = _value(next(events), events, 1)
    next(events)  # the document ends
    event = next(events)
    if isinstance(event, DocumentStartEvent):
        raise _unreadable(event.start_mark, "a second document begins here; a file has one")
    return content


def _value(event: Event, events: Iterator[Event], level: int) -> object:
    """Return the value that begins with `event`; the rest of it is taken from `events`."""
    if isinstance(event, AliasEvent):
        raise _unreadable(event.start_mark, "aliases (*name) are not supported: write it out")
    if isinstance(event, NodeEvent) and getattr(event, "tag", None) is not None:
        raise _unreadable(event.start_mark, "tags (!!name) are not supported: leave it out")
    if isinstance(event, ScalarEvent):
        return _scalar(event)
    if level > MOST_LEVELS:
        raise _unreadable(event.start_mark, "it is nested too deeply")
    if isinstance(event, SequenceStartEvent):
        return list(_items(events, level))
    if isinstance(event, MappingStartEvent):
        return _mapping(events, level)
    raise TypeError(f"{type(event).__name__} begins no value")


def _scalar(event: ScalarEvent) -> str | bool | None:
    """Return text, and true, false and nothing where they stand without quotes."""
    is_plain = event.implicit[0]
    return _PLAIN.get(event.value, event.value) if is_plain else event.value


def _items(events: Iterator[Event], level: int) -> Iterator[object]:
    for event in events:
        if isinstance(event, SequenceEndEvent):
            return
        yield _value(event, events, level + 1)


def _mapping(events: Iterator[Event], level: int) -> dict[str, object]:
    content: dict[str, object] = {}
    for event in events:
        if isinstance(event, MappingEndEvent):
            break
        key = _value(event, events, level + 1)
        if not isinstance(key, str):
            raise _unreadable(event.start_mark, "a key must be text: put it in quotes")
        if key in content:
            raise _unreadable(event.start_mark, f"the key {shown(key)} is there twice")
        content[key] = _value(next(events), events, level + 1)
    return content


def _unreadable(mark: _Mark | None, problem: str | None) -> FileUnreadable:
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return FileUnreadable(f"{where}{problem or 'no YAML'}")
