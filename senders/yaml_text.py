"""YAML as configuration files use it: every plain value is text, and nothing is said twice.

YAML's own reading of plain values does harm here: `NO` (Norway) is false, `+14155550100` and `88022` are integers, and
a token of digits loses its leading zeros. So only `true`, `false` and an empty value or `null` keep a meaning.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from trunkline_client.errors import TrunklineError


class FileUnreadable(TrunklineError):
    """A file is not YAML that can be read; the text names the line."""


def read_yaml(text: str) -> object:
    """Return the content of one YAML document: mappings, lists, text, booleans and None.

    Raises:
        FileUnreadable: it is no YAML, uses aliases or tags, or has a key twice.
    """
    try:
        return yaml.load(text, _TextLoader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        # not chained: the error quotes the file, and that may be a secret
        raise FileUnreadable(f"{where}{error.problem or error.context or 'no YAML'}") from None
    except yaml.YAMLError:
        raise FileUnreadable("it contains characters that YAML does not allow") from None
    except RecursionError:
        raise FileUnreadable("it is nested too deeply") from None


class _TextLoader(yaml.SafeLoader):
    """A safe loader that leaves plain values alone."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.get_mark()
            raise ConstructorError(None, None, "aliases (*name) are not supported: write it out", mark)
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "tag", None) is not None:
            # PyYAML's constructors answer `!!int x` with the ValueError of int(), which quotes the value
            raise ConstructorError(None, None, "tags (!!name) are not supported: leave it out", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise ConstructorError(None, None, "a key must be text: put it in quotes", key_node.start_mark)
            if key in seen:
                raise ConstructorError(None, None, f"the key {key} is there twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


# without this the next lines would add to a copy of the parent's table
_TextLoader.yaml_implicit_resolvers = {}
_TextLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_TextLoader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
