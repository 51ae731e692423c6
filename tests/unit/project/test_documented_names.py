"""What the documents name exists, and what they promise to list is listed whole."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.command_lines import commands_of, problem_of
from trunkline_client.words import JobState, Place
from worker.environment import variable
from worker.settings import Settings

ROOT = Path(__file__).parents[3]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("client/*.md")]
OURS = ("client/trunkline_client", "providers", "senders", "tasks", "worker")
SOURCES = [file for folder in OURS for file in sorted((ROOT / folder).rglob("*.py")) if "simulators" not in file.parts]
SCRIPTS = [file for folder in OURS for file in sorted((ROOT / folder).rglob("*.lua"))]
LOGGING, JOURNAL = ((ROOT / "docs" / page).read_text() for page in ("logging.md", "journal.md"))
#: Variables that no setting of a process is: the test suite's own, and the author of a change at the command line.
NOT_SETTINGS = {"TRUNKLINE_TEST_REDIS_SERVER", "TRUNKLINE_ACTOR"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def slug(heading: str) -> str:
    """Return the anchor that GitHub and GitLab give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors_of(page: Path) -> set[str]:
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_command_and_option_a_document_shows_exists(document: Path) -> None:
    assert [problem for line in commands_of(document.read_text()) if (problem := problem_of(line))] == []


def test_the_readme_shows_the_way_from_a_file_to_a_sent_message() -> None:
    shown = [line.split()[0] for line in commands_of((ROOT / "README.md").read_text())]

    assert {"simulate", "apply", "tenants", "explain", "worker", "send", "jobs"} <= set(shown)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_setting_a_document_names_exists(document: Path) -> None:
    named = set(re.findall(r"\bTRUNKLINE_[A-Z][A-Z_]*[A-Z]\b", document.read_text()))

    assert named - {variable(field) for field in Settings.model_fields} - NOT_SETTINGS == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_link_into_a_page_leads_to_a_heading(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)", document.read_text())
    pages = [(document.parent / page if page else document, anchor) for page, anchor in links]

    assert [anchor for page, anchor in pages if anchor not in anchors_of(page)] == []


def test_every_event_a_worker_logs_is_on_its_page() -> None:
    written = re.compile(r"\.(?:info|warning|error|critical)\(\s*f?\"([a-z_]+\.[a-z_{}.]+)\"")
    events = {event for source in SOURCES for event in written.findall(source.read_text())}

    assert {"attempt.finished", "worker.ready"} <= events
    assert {event for event in events if f"`{event.partition('{')[0]}" not in LOGGING} == set()


def test_every_key_of_the_event_of_an_attempt_is_on_its_page() -> None:
    calls = ast.walk(ast.parse((ROOT / "tasks" / "attempt_log.py").read_text()))
    keys = [keyword.arg for call in calls if isinstance(call, ast.Call) for keyword in call.keywords if call.args]

    assert "outcome" in keys
    assert [key for key in keys if key and f"| `{key}` |" not in LOGGING] == []


def test_every_key_in_redis_is_on_the_page_of_the_journal() -> None:
    built = [(ROOT / "client/trunkline_client/keys.py"), *SCRIPTS]
    keys = {key for file in built for key in re.findall(r"[\"'](tl:[a-z_-]+)", file.read_text())}

    assert {key for key in keys if f"`{key}" not in JOURNAL} == set()


def test_every_field_of_a_record_is_on_the_page_of_the_journal() -> None:
    read = "".join((ROOT / file).read_text() for file in ("tasks/record.py", "client/trunkline_client/record.py"))
    fields = set(re.findall(r"raw(?:\.get\(|\[)\"([a-z_]+)\"", read))

    assert {"state", "content", "maybe_twice"} <= fields
    assert {field for field in fields if f"`{field}`" not in JOURNAL} == set()


@pytest.mark.parametrize("word", [*JobState, *Place])
def test_every_state_and_place_is_on_the_page_of_the_journal(word: JobState | Place) -> None:
    assert f"| `{word}`" in JOURNAL or f", `{word}` |" in JOURNAL


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_every_script_is_on_the_page_of_the_journal(script: Path) -> None:
    assert f"`{script.name}`" in JOURNAL
