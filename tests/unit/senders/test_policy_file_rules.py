"""The rules of policies in a file, one test for each that no other file states; `docs/rules.md` lists them."""

from __future__ import annotations

from typing import Any

import pytest

from senders.config_file import parse_file
from senders.findings import ConfigRefused
from senders.model import Policy
from senders.yaml_text import read_yaml
from tests.support.config_samples import ACME, ENVIRONMENT
from tests.support.mutations import as_yaml

OFF = {"enabled": False}
THREE = ["45s", "2m", "5m"]
PERIODS = "must have exactly 3 periods"
RANGE = "must be 10s to 600s, or 1m to 10m"


def policy(name: str = "strict", **fields: Any) -> Policy:
    tree: Any = read_yaml(ACME)
    tree["tenants"]["acme"]["policies"][name] = fields
    return parse_file(as_yaml(tree), ENVIRONMENT)["acme"].policies[name]


def problem(name: str = "strict", **fields: Any) -> str:
    with pytest.raises(ConfigRefused) as refused:
        policy(name, **fields)
    return str(refused.value)


def cooldown(**fields: Any) -> dict[str, Any]:
    sms = {"periods": THREE, "resend_limit": "3"} | fields
    return {"cooldown": {"sms": sms, "voice": OFF}}


def periods_s(*periods: str) -> tuple[int, ...]:
    found = policy(**cooldown(periods=list(periods))).cooldown
    assert found is not None
    assert found.sms is not None
    return found.sms.periods_s


@pytest.mark.parametrize("periods", [[], ["45s"], ["45s", "2m"], ["45s", "2m", "5m", "5m"], "45s"])
def test_cooldown_periods_are_exactly_three(periods: Any) -> None:
    assert PERIODS in problem(**cooldown(periods=periods))
    assert periods_s(*THREE) == (45, 120, 300)


@pytest.mark.parametrize("period", ["9s", "601s", "0m", "11m", "10", "1h", "-10s", "1.5m", "10 s", "9" * 400 + "s"])
def test_a_cooldown_period_is_10_to_600_seconds_or_1_to_10_minutes(period: str) -> None:
    assert RANGE in problem(**cooldown(periods=["45s", period, "5m"]))
    assert periods_s("10s", "600s", "10m") == (10, 600, 600)


@pytest.mark.parametrize("limit", ["0", "11", "-1", "x", "1.0", "9" * 400, None])
def test_a_resend_limit_is_1_to_10(limit: str | None) -> None:
    assert "resend_limit" in problem(**cooldown(resend_limit=limit))
    for allowed in ("1", "10"):
        assert policy(**cooldown(resend_limit=allowed)).cooldown


@pytest.mark.parametrize(
    "limit",
    [{}, {"allow": ["US"], "deny": ["CA"]}, {"allow": []}, {"deny": []}, {"channels": ["sms"]}, {"allow": ["UK"]}],
)
def test_a_country_limit_is_either_an_allow_or_a_deny_list_and_names_a_country(limit: dict[str, Any]) -> None:
    assert "country_limit" in problem(country_limit=limit)


def test_the_last_condition_and_no_other_has_no_countries() -> None:
    everywhere, britain = {"chain": ["acme-twilio"]}, {"countries": ["GB"], "chain": ["acme-syniverse"]}

    assert len(policy(conditions=[britain, everywhere]).conditions) == 2
    assert "must have no countries" in problem(conditions=[britain])
    assert "only the last has none" in problem(conditions=[everywhere, britain])
    assert "only the last has none" in problem(conditions=[everywhere, everywhere])


@pytest.mark.parametrize("condition", [{}, {"chain": []}, {"chain": None}, {"chain": "acme-twilio"}])
def test_a_condition_has_a_chain_of_one_sender_at_least(condition: dict[str, Any]) -> None:
    assert "conditions[0].chain" in problem(conditions=[condition])


def test_the_name_of_a_policy_has_at_most_64_characters() -> None:
    assert policy("x" * 64).name == "x" * 64
    assert "the name must be 1 to 64" in problem("x" * 65)
