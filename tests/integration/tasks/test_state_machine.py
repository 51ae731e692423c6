"""Producers, workers that die and come back, a forgetful broker, the sweeper and operators, in any order."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.operating import Operating

pytestmark = pytest.mark.integration


def test_no_order_of_events_loses_or_misplaces_a_job(redis_url: str) -> None:
    class OnThisServer(Operating):
        def __init__(self) -> None:
            super().__init__(redis_url)

    run_state_machine_as_test(OnThisServer, settings=settings(max_examples=60, stateful_step_count=30))
