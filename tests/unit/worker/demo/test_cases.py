"""The demo's data holds together: the file, the simulated accounts and the cases name the same things."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from senders.config_file import parse_file
from tasks.contract import validate
from trunkline_client.errors import JobInvalid
from trunkline_client.limits import ID_FORM
from worker.demo.cases import SCENARIOS
from worker.demo.sample import AFTER_APPLY, TENANTS_YAML, TOKEN_VARIABLES, accounts, simulated_world
from worker.demo.scenario import Scenario, Way

TOKENS = {name: f"token-{number}" for number, name in enumerate(TOKEN_VARIABLES)}


def valid(scenario: Scenario) -> bool:
    try:
        validate({**scenario.job, "id": scenario.job_id})
    except JobInvalid:
        return False
    return True


def test_the_sample_file_is_a_valid_configuration() -> None:
    assert set(parse_file(TENANTS_YAML, TOKENS)) == {"acme", "globex", "initech"}


def test_every_account_of_the_file_is_simulated() -> None:
    world = simulated_world(TOKENS)
    simulated = {account.sid for account in world.twilio} | {account.name for account in world.syniverse}

    assert set(accounts().values()) == simulated
    assert {change.account for change in AFTER_APPLY} <= simulated


def test_every_token_of_the_file_is_one_the_demo_makes() -> None:
    assert set(re.findall(r"\$\{(\w+)\}", TENANTS_YAML)) == set(TOKEN_VARIABLES)


@pytest.mark.parametrize("field", ["job_id", "recipient"])
def test_no_two_cases_share_an_id_or_a_recipient(field: str) -> None:
    counted = Counter(getattr(scenario, field) for scenario in SCENARIOS)

    assert [value for value, count in counted.items() if count > 1] == []


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.job_id)
def test_a_case_keeps_the_contract_unless_it_shows_that_it_is_refused(scenario: Scenario) -> None:
    assert ID_FORM.fullmatch(scenario.job_id)
    assert valid(scenario) is (scenario.expected.rule != "contract")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.job_id)
def test_a_route_leads_over_senders_of_the_file(scenario: Scenario) -> None:
    assert {leg.partition(":")[0] for leg in scenario.expected.route} <= accounts().keys()


def test_every_way_in_is_shown() -> None:
    assert {scenario.way for scenario in SCENARIOS} == set(Way)
