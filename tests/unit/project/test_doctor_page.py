"""The page about the doctor lists every check and every finding there is."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.command_lines import problem_of
from worker.doctor.examination import CHECKS
from worker.finding import Severity

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "doctor.md").read_text()
SOURCES = "".join(file.read_text() for file in sorted((ROOT / "worker" / "doctor").glob("*.py")))
FINDINGS = set(re.findall(r"(?:Finding|_Trouble)\(\s*\"([a-z_]+)\"", SOURCES))


def test_every_finding_is_on_the_page_and_no_other() -> None:
    listed = set(re.findall(r"^\| `([a-z_]+)` \| (?:error|warning|hint|unknown)", PAGE, re.MULTILINE))
    assert {"no_worker", "credentials", "reachable"} <= FINDINGS
    assert listed == FINDINGS


def test_every_check_has_its_heading_in_the_order_of_the_output() -> None:
    assert re.findall(r"^## `([a-z]+)`", PAGE, re.MULTILINE) == ["settings", "redis", *(one.name for one in CHECKS)]


def test_every_severity_is_explained() -> None:
    assert [severity for severity in Severity if f"| `{severity}` |" not in PAGE] == []


def test_every_command_a_finding_recommends_exists() -> None:
    named = re.findall(r"trunkline ([a-z][a-z-]*[^;:,.\"()]*)", SOURCES)
    assert len(named) > 10
    assert [problem for line in named if (problem := problem_of(line))] == []
