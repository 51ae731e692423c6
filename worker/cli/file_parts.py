"""Reads one part of a configuration file, a sender or a policy, from a file of its own."""

from __future__ import annotations

import os
from typing import IO, Final

from senders.config_file import is_template
from senders.findings import Findings
from senders.yaml_text import FileUnreadable, read_yaml

_MOST_BYTES: Final = 1 << 20


def read_part(file: IO[bytes]) -> object:
    """Return the content of a YAML file, with its references to the environment filled in.

    Raises:
        FileUnreadable: it is empty (a pipe that broke must not take rules away), no YAML in UTF-8, or larger than any
            part of a configuration.
        ConfigRefused: an environment variable it refers to is not set.
    """
    where = getattr(file, "name", "-")
    content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise FileUnreadable(f"{where}: it is larger than {_MOST_BYTES >> 20} MiB")
    try:
        tree = read_yaml(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise FileUnreadable(f"{where}: it is not text in UTF-8") from error
    except FileUnreadable as error:
        raise FileUnreadable(f"{where}: {error}") from error
    if tree is None:
        raise FileUnreadable(f"{where}: it is empty; {{}} says that nothing is set")
    findings = Findings()
    filled = findings.substitute(tree, os.environ, spare=is_template)
    findings.refuse_if_any()
    return filled
