"""The alerts and the dashboard in `ops/` name series, labels and runbooks that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.metrics import families, labels_of

ROOT = Path(__file__).parents[3]
OPS = ROOT / "ops"
RULES: list[dict[str, Any]] = yaml.safe_load((OPS / "alerts.yml").read_text())["groups"][0]["rules"]
RULE_TESTS: list[dict[str, Any]] = yaml.safe_load((OPS / "alerts_test.yml").read_text())["tests"]
DASHBOARD: dict[str, Any] = json.loads((OPS / "grafana" / "trunkline.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
RUNBOOKS = {
    "provider-down",
    "token-revoked",
    "backlog-growing",
    "redis-full",
    "bad-deploy",
    "replaying-a-nights-failures",
}
OPERATIONS = ROOT / "docs" / "operations.md"
#: what Prometheus adds to every series.
ADDED = {"job", "instance", "le"}
PROMTOOL = shutil.which("promtool")


def samples() -> Iterator[tuple[str, set[str]]]:
    """Yield every name of a sample of ours with its labels."""
    for family in families():
        labels = set(labels_of(family)) | ADDED
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        for suffix in suffixes:
            yield family.name + suffix, labels


SAMPLES = dict(samples())
EXPRESSIONS = [rule["expr"] for rule in RULES] + [target["expr"] for one in PANELS for target in one["targets"]]


def named(expression: str) -> set[str]:
    return set(re.findall(r"\btrunkline_[a-z_]+", expression))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_series_and_label_that_is_asked_for_exists(expression: str) -> None:
    names = named(expression)
    matched = set(re.findall(r"([a-z_]+)(?:=~|!~|!=|=)\"", expression))
    grouped = {label for group in re.findall(r"by \(([^)]*)\)", expression) for label in re.split(r",\s*", group)}

    assert names <= SAMPLES.keys()
    assert matched | grouped <= ADDED.union(*(SAMPLES[name] for name in names))


def test_the_dashboard_shows_every_series() -> None:
    shown = {name for one in PANELS for target in one["targets"] for name in named(target["expr"])}
    families_shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}

    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in SAMPLES} == families_shown


def test_the_dashboard_asks_for_its_prometheus_and_lays_panels_beside_each_other() -> None:
    (variable,) = DASHBOARD["templating"]["list"]
    places = [tuple(one["gridPos"][side] for side in "xywh") for one in DASHBOARD["panels"]]
    cells = [
        (x, y)
        for left, top, width, height in places
        for x in range(left, left + width)
        for y in range(top, top + height)
    ]

    assert (variable["name"], variable["type"]) == ("datasource", "datasource")
    assert {one["datasource"]["uid"] for one in PANELS} == {"${datasource}"}
    assert len(cells) == len(set(cells))
    assert all(x < 24 for x, _ in cells)
    assert len({one["id"] for one in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_what_it_means_and_what_to_do(rule: dict[str, Any]) -> None:
    page, _, anchor = rule["annotations"]["runbook"].partition("#")

    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook"}
    assert (page, anchor in RUNBOOKS) == ("docs/operations.md", True)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_is_on_the_page_and_in_the_tests_of_the_rules(rule: dict[str, Any]) -> None:
    name, severity = rule["alert"], rule["labels"]["severity"]

    assert f"| `{name}` | {severity} | " in (ROOT / "docs" / "metrics.md").read_text()
    assert name in yaml.dump(RULE_TESTS)


def test_every_runbook_is_a_heading() -> None:
    headings = re.findall(r"^#+ (.+)$", OPERATIONS.read_text(), re.MULTILINE)

    assert {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings} >= RUNBOOKS


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: apt install prometheus)")
@pytest.mark.parametrize(
    "arguments",
    [("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml"), ("check", "config", "prometheus.yml")],
)
def test_promtool_finds_nothing_wrong(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=OPS, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0, done.stdout + done.stderr
