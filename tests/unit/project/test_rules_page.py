"""The page of rules names tests that exist, in every row."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
ROWS = [line for line in (ROOT / "docs" / "rules.md").read_text("utf-8").splitlines() if line.startswith("| ")]
TESTS = {
    name
    for file in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^ *(?:async )?def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)
}


def test_every_rule_names_tests_that_exist() -> None:
    named = {row: re.findall(r"`(test_\w+)`", row.split("|")[2]) for row in ROWS if row != "| Rule | Test |"}

    assert len(named) > 70
    assert [row for row, tests in named.items() if not tests] == []
    assert [test for tests in named.values() for test in tests if test not in TESTS] == []
