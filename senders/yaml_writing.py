"""Writes configuration files: YAML that `senders.yaml_text` reads back to the same content."""

from __future__ import annotations

from typing import Any, Final

import yaml

from senders.config_file import is_template
from senders.findings import STORED_REFERENCE

#: beyond it PyYAML would fold a long text over lines; a file is easier to compare without.
_WIDTH: Final = 10_000


def write_yaml(tree: object, references: frozenset[str] = frozenset()) -> str:
    """Return the YAML of a tree of mappings, lists, text and booleans.

    Args:
        tree: the content.
        references: the texts that stand as references to be filled in; `${` in every other text is written `$${`, which
            stands for itself. `${stored}` always is a reference.
    """
    escaped = _escaped(tree, references | {STORED_REFERENCE})
    return yaml.dump(escaped, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True, width=_WIDTH)


def _escaped(value: object, references: frozenset[str]) -> object:
    if isinstance(value, dict):
        return {key: item if is_template(value, key) else _escaped(item, references) for key, item in value.items()}
    if isinstance(value, list):
        return [_escaped(item, references) for item in value]
    if isinstance(value, str) and value not in references:
        return value.replace("${", "$${")
    return value


class _PlainDumper(yaml.SafeDumper):
    """A safe dumper without aliases, which configuration files do not have."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _text(dumper: _PlainDumper, text: str) -> yaml.ScalarNode:
    # In single quotes PyYAML writes a NEL or line separator as it is, and reads it back as a blank.
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_PlainDumper.add_representer(str, _text)
