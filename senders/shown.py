"""Text of a file or an account as an operator's terminal may get it."""

from __future__ import annotations


def shown(text: str) -> str:
    r"""Return `text` on one line, with what a terminal would obey or hide written as an escape, `\x1b` for example."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
