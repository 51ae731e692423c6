"""A tenant whose provider hangs keeps its own slots and no others, counted in processes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from providers.simulators.faults import FaultKind, FaultPlan
from tests.support.system import GLOBEX_SID, running
from trunkline_client import keys
from trunkline_client.words import JobState

pytestmark = pytest.mark.e2e

SLOTS, WIDTH, HANGING, OTHERS = 4, 3, 12, 10
GATE = f"requests:{GLOBEX_SID}"
#: Nothing of what hangs ends before the test has.
HANGS_FOR_S = 60


def test_a_tenant_whose_provider_hangs_leaves_slots_to_the_others(tmp_path: Path) -> None:
    with running(
        tmp_path,
        TRUNKLINE_CONCURRENCY=str(SLOTS),
        TRUNKLINE_CONCURRENT_REQUESTS=str(WIDTH),
        TRUNKLINE_ATTEMPT_S=str(HANGS_FOR_S),
    ) as system:
        system.apply()
        system.control.arm(FaultPlan(kind=FaultKind.HANG, account=GLOBEX_SID, method="POST"))
        system.start_worker().wait_ready()
        for one in range(HANGING):
            system.client.send_sms(id=f"hangs-{one}", tenant="globex", to=f"+1201555{3000 + one}", body="hello")
        give_up_at = time.monotonic() + 30
        while system.raw.zcard(keys.gate(GATE, "waiting")) < HANGING - WIDTH:
            assert time.monotonic() < give_up_at, system.workers[0].output[-3000:]
            time.sleep(0.02)

        jobs = [
            system.client.send_sms(tenant="acme", to=f"+1201555{4000 + one}", body="hello").id for one in range(OTHERS)
        ]

        assert {system.outcome(job_id)["state"] for job_id in jobs} == {JobState.SENT}
        begun = [job for one in range(HANGING) if (job := system.client.status(f"hangs-{one}")) and job["attempts"]]
        assert len(begun) == system.raw.zcard(keys.gate(GATE, "open")) == WIDTH
        assert f'"at_gates": {HANGING - WIDTH}' in system.run("jobs", "stats", "--json").stdout
