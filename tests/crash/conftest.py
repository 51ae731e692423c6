"""The table of what the plans of trouble ended with, printed at the end of a test run that had some."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.crash.table import Row, table

_ROWS = pytest.StashKey[list[Row]]()


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[Row], None]:
    """Take a row of the table."""
    return request.config.stash.setdefault(_ROWS, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table."""
    rows = config.stash.get(_ROWS, [])
    if rows:
        terminalreporter.section("plans of trouble")
        terminalreporter.write_line(table(rows))
