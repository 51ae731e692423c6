"""Every plan of trouble, carried out: nothing lost, nothing twice, or exactly what is promised instead.

`make test` runs some of them with few jobs; `make test-crash` runs all of them with thousands and prints the table that
`docs/reliability.md` shows.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.plans import PLANS, Plan
from tests.crash.table import Row
from tests.support.chaos.run import Load, prepared
from worker.settings import Broker

pytestmark = pytest.mark.crash

IS_FULL = "CRASH_JOBS" in os.environ
LOAD = Load(jobs=int(os.environ["CRASH_JOBS"]), concurrency=16, pace_s=0.1) if IS_FULL else Load(120, 4, 0.2)
SEED = int(os.environ.get("CRASH_SEED", "1"))
#: The broker of all plans, as `TRUNKLINE_BROKER` names it; a plan may name its own.
BROKER = os.environ.get("CRASH_BROKER", Broker.OWN.value)


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(plan, id=plan.name, marks=pytest.mark.xdist_group(plan.name))
        for plan in PLANS
        if IS_FULL or plan.in_short
    ],
)
@pytest.mark.timeout(900)
def test_a_plan_of_trouble_keeps_its_promise(plan: Plan, tmp_path: Path, report: Callable[[Row], None]) -> None:
    with prepared(
        tmp_path,
        LOAD,
        seed=SEED,
        faults=plan.faults,
        per_worker=plan.of_worker,
        variables={"TRUNKLINE_BROKER": BROKER, **plan.variables},
        has_sentinels=plan.has_sentinels,
    ) as run:
        plan.carry_out(run)
        tally = run.finish()
        report(Row(plan.name, tally))

        assert plan.is_kept(tally), f"{tally}\n{run.story()}"
        assert run.leftovers() == []
