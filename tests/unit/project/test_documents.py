"""The documents name targets, files and decisions that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("client/*.md")]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z][a-z-]*):.*## ", MAKEFILE, re.MULTILINE))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_relative_link_leads_to_a_file(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_make_target_a_document_names_exists(document: Path) -> None:
    named = re.findall(r"`(?:[A-Z_]+=\S+ )?make ([a-z][a-z-]*(?: [a-z][a-z-]*)*)", document.read_text())
    assert {target for targets in named for target in targets.split()} <= TARGETS


def test_every_chore_explains_itself() -> None:
    chores = set(re.findall(r"\S+", re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0]))
    assert chores - TARGETS == {"docker-ready"}


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = [page.name for page in (ROOT / "docs").iterdir() if page.is_file() and page.name != "README.md"]
    assert [page for page in pages if f"]({page})" not in index] == []


@pytest.mark.parametrize("decision", DECISIONS, ids=name)
def test_a_decision_is_indexed_under_its_title_and_fits_on_a_page(decision: Path) -> None:
    text = decision.read_text()
    number, title = re.findall(r"^# (\d{4}): (.+)$", text, re.MULTILINE)[0]
    assert decision.name.startswith(number)
    assert f"| [{number}](decisions/{decision.name}) | {title} |" in (ROOT / "docs" / "README.md").read_text()
    assert len(text.splitlines()) <= 60


@pytest.mark.parametrize("decision", DECISIONS, ids=name)
def test_a_decision_says_context_decision_and_consequences(decision: Path) -> None:
    headings = re.findall(r"^\*\*(\w+)\.\*\*", decision.read_text(), re.MULTILINE)
    assert headings[:3] == ["Context", "Decision", "Consequences"]
