"""Tables that stay readable in a narrow terminal: the first column is whole, the others fold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, to_stderr: bool = False) -> None:
    """Print a table; what is in its first column (a number, a SID, a key) is never cut or folded, for it is copied."""
    table = Table()
    for index, column in enumerate(columns):
        table.add_column(column, no_wrap=index == 0, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console(stderr=to_stderr).print(table)
