"""docs/faults.md and the tables say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from providers.fault_table import FaultTable, judge
from providers.syniverse_faults import SYNIVERSE_FAULTS
from providers.twilio_faults import TWILIO_FAULTS

DOCUMENT = (Path(__file__).parents[3] / "docs" / "faults.md").read_text(encoding="utf-8")


def documented(section: str) -> list[tuple[str, ...]]:
    text = DOCUMENT.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (.+) \|$", text, re.MULTILINE)
    return [tuple(cell.strip("`") for cell in row.split(" | ")) for row in rows if row[0].isdigit()]


@pytest.mark.parametrize(("section", "faults"), [("Twilio", TWILIO_FAULTS), ("Syniverse", SYNIVERSE_FAULTS)])
def test_the_document_lists_every_code_as_the_table_has_it(section: str, faults: FaultTable) -> None:
    def yes_or_no(value: bool) -> str:
        return "yes" if value else "no"

    listed = [
        (
            entry.code,
            entry.code_class,
            entry.ruling.fault if entry.ruling else "unknown",
            yes_or_no(bool(entry.ruling and entry.ruling.retry)),
            yes_or_no(bool(entry.ruling and entry.ruling.another_number)),
            entry.meaning,
        )
        for entry in faults.values()
    ]
    assert documented(section) == listed


def test_the_document_states_the_defaults_by_status() -> None:
    rows = documented("How an answer is read")
    assert rows == [("401, 403", "auth"), ("402", "account"), ("429", "throttled")]
    for statuses, fault in rows:
        for status in statuses.split(", "):
            ruling = judge({}, int(status), None).ruling
            assert ruling is not None
            assert ruling.fault == fault
