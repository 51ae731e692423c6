"""`trunkline policies` over a real Redis, without a terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.support.cli import Ran, run_cli

pytestmark = pytest.mark.integration

KEY = Fernet.generate_key().decode()
Command = Callable[..., Ran]
STRICT = """
country_limit: {allow: [US, CA]}
quotas: [{per: user, total: 5}]
cooldown:
  sms: {periods: [45s, 2m, 5m], resend_limit: 3}
  voice: {enabled: false}
"""


@pytest.fixture
def run(redis_url: str) -> Command:
    env = {"TRUNKLINE_REDIS_URL": redis_url, "TRUNKLINE_SECRET_KEYS": KEY, "TRUNKLINE_ACTOR": "ann", "COLUMNS": "160"}
    return lambda *arguments, **other: run_cli(*arguments, env=env, **other)


@pytest.fixture
def acme(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "tenants.yaml"
    file.write_text("tenants: {acme: {}}")
    assert run("apply", str(file), "--yes").code == 0


def policies(run: Command, *arguments: str, stdin: bytes = b"") -> Ran:
    return run("policies", *arguments, "--tenant", "acme", stdin=stdin)


def test_the_default_policy_exists_from_the_start_and_cannot_be_removed(run: Command, acme: None) -> None:
    assert policies(run, "list", "--json").json == [{"policy": "default"}]

    refused = policies(run, "remove", "default", "--yes")
    assert (refused.code, "cannot remove default notifications policy" in refused.err) == (1, True)


def test_a_policy_is_set_shown_and_taken_back_unchanged(run: Command, acme: None) -> None:
    assert policies(run, "set", "strict", "-", "--yes", stdin=STRICT.encode()).code == 0
    shown = policies(run, "show", "strict")

    assert "resend_limit: '3'" in shown.out
    assert policies(run, "set", "strict", "-", "--yes", stdin=shown.out.encode()).out == "No changes.\n"
    assert [one["policy"] for one in policies(run, "list", "--json").json] == ["default", "strict"]


def test_a_policy_is_removed(run: Command, acme: None) -> None:
    policies(run, "set", "strict", "-", "--yes", stdin=STRICT.encode())

    assert policies(run, "remove", "strict", "--yes").code == 0
    refused = policies(run, "show", "strict")
    assert (refused.code, "there is no policy strict; tenant acme has: default" in refused.err) == (1, True)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"quotas: [{per: user}]", "policies.strict.quotas[0]: needs either total, or used and unused"),
        (b"conditions: [{chain: [nobody]}]", "policies.strict.conditions[0].chain[0]: there is no sender nobody"),
        (b"conditions: {", "-: line 2, column 1"),
        (b"", "-: it is empty; {} says that nothing is set"),
        (b"# only a remark", "-: it is empty"),
        (b"just text", "tenants.acme.policies.strict: must be a mapping"),
        (b"\xff", "it is not text in UTF-8"),
        (b"on_unknown: ${NOT_SET}", "the environment variable NOT_SET is not set"),
    ],
)
def test_a_policy_that_breaks_a_rule_is_refused_with_the_field(
    run: Command, acme: None, content: bytes, told: str
) -> None:
    refused = policies(run, "set", "strict", "-", "--yes", stdin=content)

    assert (refused.code, told in refused.err, "Traceback" in refused.err) == (1, True, False), refused.err
    assert policies(run, "list", "--json").json == [{"policy": "default"}]


def test_a_reset_of_quotas_is_in_the_audit_without_the_user(run: Command, acme: None) -> None:
    assert policies(run, "reset-quota", "--user", "user-17").code == 0

    (event,) = run("audit", "--action", "quota.reset", "--json").json
    assert (event["actor"], event["tenant"]) == ("ann", "acme")
    assert "user-17" not in str(event)
