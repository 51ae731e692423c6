"""A plan as a person reads it in a terminal."""

from __future__ import annotations

import pytest

from senders.apply import Plan, TenantPlan
from senders.desired import DesiredTenant
from senders.differences import Difference
from worker.cli.plans import show_plan

CHANGES = (
    Difference("name", "Acme", "Acme Ltd"),
    Difference("policies.x.fallback", None, "after every fault, that is"),
)
LONG = Difference("policies.default.fallback", "not after body", "not after body,\nunsubscribed")


def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(columns))
    tenant = TenantPlan(DesiredTenant("acme", {}, {}), None, (*CHANGES, LONG), ())
    show_plan(Plan((tenant,)), to_stderr=False)
    return capsys.readouterr().out.splitlines()


def test_a_change_that_fits_the_terminal_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(monkeypatch, capsys, 160) == [
        "tenant acme (new)",
        "  ~ name: Acme -> Acme Ltd",
        "  + policies.x.fallback: after every fault, that is",
        "  ~ policies.default.fallback: not after body -> not after body,\\nunsubscribed",
    ]


def test_a_change_that_does_not_fit_stands_under_its_field(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(monkeypatch, capsys, 60)[-3:] == [
        "  ~ policies.default.fallback:",
        "      from not after body",
        "      to   not after body,\\nunsubscribed",
    ]
