"""Tables that stay readable in a narrow terminal: the first column is whole, the others fold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

#: In a pipe or a file nothing is folded: a program looks for a whole id there, and an editor scrolls.
_WIDTH_WITHOUT_TERMINAL: Final = 10_000


def console(*, to_stderr: bool = False) -> Console:
    """Return where tables are printed: as wide as the terminal, or as its rows where there is none."""
    found = Console(stderr=to_stderr)
    return found if found.is_terminal else Console(stderr=to_stderr, width=_WIDTH_WITHOUT_TERMINAL)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, to_stderr: bool = False) -> None:
    """Print a table; what is in its first column (a number, a SID, a key) is never cut or folded, for it is copied."""
    table = Table()
    for index, column in enumerate(columns):
        table.add_column(column, no_wrap=index == 0, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console(to_stderr=to_stderr).print(table)
